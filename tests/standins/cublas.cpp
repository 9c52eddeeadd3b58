// A stand-in for libcublas: the calls that baselines/_cublas.py makes, on host memory.
#include <cublas_v2.h>

#include "standin.hpp"

struct cublasContext {
    cudaStream_t stream = nullptr;
    void* workspace = nullptr;
    size_t workspaceBytes = 0;
    cublasMath_t math = CUBLAS_DEFAULT_MATH;
};

#define ENTER(...)                                  \
    if (int failed = standin::enter(__VA_ARGS__)) \
        return cublasStatus_t(failed);
#define VALID(condition) EXPECT(condition, CUBLAS_STATUS_INVALID_VALUE)

extern "C" {

cublasStatus_t CUBLASWINAPI cublasCreate_v2(cublasHandle_t* handle) {
    ENTER(__func__)
    *handle = new cublasContext;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t CUBLASWINAPI cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode) {
    ENTER(__func__)
    handle->math = mode;
    return CUBLAS_STATUS_SUCCESS;
}

// As documented, this puts the library's own workspace back.
cublasStatus_t CUBLASWINAPI cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
    ENTER(__func__, std::to_string(reinterpret_cast<uintptr_t>(stream)))
    handle->stream = stream;
    handle->workspace = nullptr;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t CUBLASWINAPI cublasSetWorkspace_v2(
    cublasHandle_t handle, void* workspace, size_t bytes) {
    ENTER(__func__)
    VALID(reinterpret_cast<uintptr_t>(workspace) % 256 == 0)
    handle->workspace = workspace;
    handle->workspaceBytes = bytes;
    std::memset(workspace, 0xff, bytes);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t CUBLASWINAPI cublasGetProperty(libraryPropertyType type, int* value) {
    const int version[] = {13, 10, 0};
    VALID(type >= MAJOR_VERSION && type <= PATCH_LEVEL)
    *value = version[type];
    return CUBLAS_STATUS_SUCCESS;
}

const char* CUBLASWINAPI cublasGetStatusName(cublasStatus_t status) {
    switch (status) {
        case CUBLAS_STATUS_NOT_INITIALIZED: return "CUBLAS_STATUS_NOT_INITIALIZED";
        case CUBLAS_STATUS_ALLOC_FAILED: return "CUBLAS_STATUS_ALLOC_FAILED";
        case CUBLAS_STATUS_INVALID_VALUE: return "CUBLAS_STATUS_INVALID_VALUE";
        case CUBLAS_STATUS_ARCH_MISMATCH: return "CUBLAS_STATUS_ARCH_MISMATCH";
        case CUBLAS_STATUS_EXECUTION_FAILED: return "CUBLAS_STATUS_EXECUTION_FAILED";
        case CUBLAS_STATUS_NOT_SUPPORTED: return "CUBLAS_STATUS_NOT_SUPPORTED";
        default: return "CUBLAS_STATUS_OF_ANOTHER_KIND";
    }
}

// C = alpha op(A) op(B) + beta C, all in columns.
cublasStatus_t CUBLASWINAPI cublasGemmEx(
    cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n, int k,
    const void* alpha, const void* A, cudaDataType Atype, int lda, const void* B,
    cudaDataType Btype, int ldb, const void* beta, void* C, cudaDataType Ctype, int ldc,
    cublasComputeType_t computeType, cublasGemmAlgo_t algo) {
    std::string sizes = std::to_string(m) + " " + std::to_string(n) + " " + std::to_string(k);
    ENTER(__func__, sizes)
    VALID(m >= 0 && n >= 0 && k >= 0)
    VALID(transa == CUBLAS_OP_N || transa == CUBLAS_OP_T)
    VALID(transb == CUBLAS_OP_N || transb == CUBLAS_OP_T)
    VALID(lda >= (transa == CUBLAS_OP_N ? m : k) && lda >= 1)
    VALID(ldb >= (transb == CUBLAS_OP_N ? k : n) && ldb >= 1)
    VALID(ldc >= m && ldc >= 1)
    VALID(standin::known(Atype) && Atype == Btype && Btype == Ctype)
    VALID(computeType == CUBLAS_COMPUTE_32F && algo == CUBLAS_GEMM_DEFAULT)
    VALID(handle->workspace && handle->workspaceBytes)
    VALID(handle->math == CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION)
    float a = *static_cast<const float*>(alpha), b = *static_cast<const float*>(beta);
    for (int64_t row = 0; row < m; row++)
        for (int64_t col = 0; col < n; col++) {
            float sum = 0;
            for (int64_t i = 0; i < k; i++) {
                int64_t left = transa == CUBLAS_OP_N ? row + i * lda : i + row * lda;
                int64_t right = transb == CUBLAS_OP_N ? i + col * ldb : col + i * ldb;
                sum += standin::get(A, left, Atype) * standin::get(B, right, Btype);
            }
            int64_t place = row + col * ldc;
            float before = b == 0 ? 0 : b * standin::get(C, place, Ctype);
            standin::set(C, place, Ctype, a * sum + before);
        }
    return CUBLAS_STATUS_SUCCESS;
}

// As in BLAS, nothing is written where one of the sizes is zero.
cublasStatus_t CUBLASWINAPI cublasSgemv_v2(
    cublasHandle_t handle, cublasOperation_t trans, int m, int n, const float* alpha,
    const float* A, int lda, const float* x, int incx, const float* beta, float* y, int incy) {
    ENTER(__func__, std::to_string(m) + " " + std::to_string(n))
    VALID(handle->workspace && handle->workspaceBytes)
    VALID(m >= 0 && n >= 0 && lda >= m && lda >= 1 && incx != 0 && incy != 0)
    VALID(trans == CUBLAS_OP_N || trans == CUBLAS_OP_T)
    if (m == 0 || n == 0) return CUBLAS_STATUS_SUCCESS;
    int rows = trans == CUBLAS_OP_N ? m : n, terms = trans == CUBLAS_OP_N ? n : m;
    for (int64_t row = 0; row < rows; row++) {
        float sum = 0;
        for (int64_t i = 0; i < terms; i++)
            sum += A[trans == CUBLAS_OP_N ? row + i * lda : i + row * lda] * x[i * incx];
        y[row * incy] = *alpha * sum + (*beta == 0 ? 0 : *beta * y[row * incy]);
    }
    return CUBLAS_STATUS_SUCCESS;
}
}
