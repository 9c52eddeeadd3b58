// A stand-in for libcublasLt: the calls that baselines/_cublaslt.py makes, on host memory.
#include <cublasLt.h>

#include "standin.hpp"

struct cublasLtContext {};

#define ENTER(...)                                \
    if (int failed = standin::enter(__VA_ARGS__)) \
        return cublasStatus_t(failed);
#define VALID(condition) EXPECT(condition, CUBLAS_STATUS_INVALID_VALUE)

namespace {

struct Layout {
    cudaDataType type;
    uint64_t rows, cols;
    int64_t ld;
};

struct Operation {
    cublasComputeType_t compute;
    cudaDataType scale;
    int32_t transa = CUBLAS_OP_N;
};

struct Preference {
    uint64_t workspaceBytes = 0;
    uint32_t reductions = 7;
    uint32_t alignment[4] = {256, 256, 256, 256};
};

// The layouts by which a product was planned: it must be run with the same.
struct Algorithm {
    uint64_t magic, number;
};

const uint64_t MAGIC = 0x616c676f;
const size_t NEEDED[] = {size_t(1) << 30, 4096, 0};  // the first does not fit any workspace

template <class T>
T& in(void* opaque) {
    return *static_cast<T*>(opaque);
}

template <class T>
cublasStatus_t put(T& field, const void* value, size_t size) {
    EXPECT(value && size == sizeof(T), CUBLAS_STATUS_INVALID_VALUE)
    std::memcpy(&field, value, size);
    return CUBLAS_STATUS_SUCCESS;
}

bool fits(const Operation& job, const Layout& a, const Layout& b, const Layout& c) {
    bool flipped = job.transa == CUBLAS_OP_T;
    uint64_t rows = flipped ? a.cols : a.rows, terms = flipped ? a.rows : a.cols;
    return rows == c.rows && terms == b.rows && b.cols == c.cols && a.type == b.type &&
           b.type == c.type;
}

}  // namespace

extern "C" {

cublasStatus_t CUBLASWINAPI cublasLtCreate(cublasLtHandle_t* handle) {
    ENTER(__func__)
    *handle = new cublasLtContext;
    return CUBLAS_STATUS_SUCCESS;
}

const char* CUBLASWINAPI cublasLtGetStatusName(cublasStatus_t status) {
    return status == CUBLAS_STATUS_ALLOC_FAILED    ? "CUBLAS_STATUS_ALLOC_FAILED"
           : status == CUBLAS_STATUS_INVALID_VALUE ? "CUBLAS_STATUS_INVALID_VALUE"
           : status == CUBLAS_STATUS_NOT_SUPPORTED ? "CUBLAS_STATUS_NOT_SUPPORTED"
                                                   : "CUBLAS_STATUS_OF_ANOTHER_KIND";
}

cublasStatus_t CUBLASWINAPI cublasLtMatmulDescCreate(
    cublasLtMatmulDesc_t* made, cublasComputeType_t computeType, cudaDataType_t scaleType) {
    ENTER(__func__)
    VALID(computeType == CUBLAS_COMPUTE_32F && scaleType == CUDA_R_32F)
    *made = new cublasLtMatmulDescOpaque_t();
    in<Operation>(*made) = {computeType, scaleType};
    standin::alive++;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t CUBLASWINAPI cublasLtMatmulDescSetAttribute(
    cublasLtMatmulDesc_t made, cublasLtMatmulDescAttributes_t attr, const void* buf,
    size_t sizeInBytes) {
    ENTER(__func__)
    VALID(attr == CUBLASLT_MATMUL_DESC_TRANSA)
    return put(in<Operation>(made).transa, buf, sizeInBytes);
}

cublasStatus_t CUBLASWINAPI cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t made) {
    ENTER(__func__)
    delete made;
    standin::alive--;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t CUBLASWINAPI cublasLtMatrixLayoutCreate(
    cublasLtMatrixLayout_t* made, cudaDataType type, uint64_t rows, uint64_t cols, int64_t ld) {
    ENTER(__func__)
    VALID(standin::known(type) && ld >= int64_t(rows))
    *made = new cublasLtMatrixLayoutOpaque_t();
    in<Layout>(*made) = {type, rows, cols, ld};
    standin::alive++;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t CUBLASWINAPI cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t made) {
    ENTER(__func__)
    delete made;
    standin::alive--;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t CUBLASWINAPI cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* made) {
    ENTER(__func__)
    *made = new cublasLtMatmulPreferenceOpaque_t();
    in<Preference>(*made) = Preference();
    standin::alive++;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t CUBLASWINAPI cublasLtMatmulPreferenceSetAttribute(
    cublasLtMatmulPreference_t made, cublasLtMatmulPreferenceAttributes_t attr, const void* buf,
    size_t sizeInBytes) {
    ENTER(__func__)
    Preference& wish = in<Preference>(made);
    switch (attr) {
        case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
            return put(wish.workspaceBytes, buf, sizeInBytes);
        case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
            return put(wish.reductions, buf, sizeInBytes);
        case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
        case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
        case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
        case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
            return put(
                wish.alignment[attr - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES], buf,
                sizeInBytes);
        default: return CUBLAS_STATUS_INVALID_VALUE;
    }
}

cublasStatus_t CUBLASWINAPI cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t made) {
    ENTER(__func__)
    delete made;
    standin::alive--;
    return CUBLAS_STATUS_SUCCESS;
}

// Offers one algorithm that fails, one that needs too much room, and two that run.
cublasStatus_t CUBLASWINAPI cublasLtMatmulAlgoGetHeuristic(
    cublasLtHandle_t, cublasLtMatmulDesc_t operation, cublasLtMatrixLayout_t Adesc,
    cublasLtMatrixLayout_t Bdesc, cublasLtMatrixLayout_t Cdesc, cublasLtMatrixLayout_t Ddesc,
    cublasLtMatmulPreference_t preference, int requested,
    cublasLtMatmulHeuristicResult_t* results, int* returned) {
    ENTER(__func__)
    const Layout &c = in<Layout>(Cdesc), &d = in<Layout>(Ddesc);
    VALID(fits(in<Operation>(operation), in<Layout>(Adesc), in<Layout>(Bdesc), c))
    VALID(c.rows == d.rows && c.cols == d.cols && c.ld == d.ld && c.type == d.type)
    VALID(requested >= 4 && results && returned)
    Preference& wish = in<Preference>(preference);
    VALID(wish.workspaceBytes >= 4096)
    VALID(wish.reductions == CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE)
    for (uint32_t bytes : wish.alignment) VALID(bytes && bytes <= 64)
    if (standin::enter("no algorithm")) {
        *returned = 0;
        return CUBLAS_STATUS_SUCCESS;
    }
    *returned = 4;
    for (int i = 0; i < 4; i++) {
        results[i] = cublasLtMatmulHeuristicResult_t();
        Algorithm chosen{MAGIC, uint64_t(i)};
        std::memcpy(&results[i].algo, &chosen, sizeof chosen);
        results[i].state = i ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
        results[i].workspaceSize = i ? NEEDED[i - 1] : 0;
    }
    return CUBLAS_STATUS_SUCCESS;
}

// D = alpha op(A) B + beta C, all in columns.
cublasStatus_t CUBLASWINAPI cublasLtMatmul(
    cublasLtHandle_t, cublasLtMatmulDesc_t computeDesc, const void* alpha, const void* A,
    cublasLtMatrixLayout_t Adesc, const void* B, cublasLtMatrixLayout_t Bdesc, const void* beta,
    const void* C, cublasLtMatrixLayout_t Cdesc, void* D, cublasLtMatrixLayout_t Ddesc,
    const cublasLtMatmulAlgo_t* algo, void* workspace, size_t workspaceSizeInBytes,
    cudaStream_t stream) {
    Algorithm chosen;
    std::memcpy(&chosen, algo, sizeof chosen);
    std::string details = std::to_string(chosen.number) + " " +
                          std::to_string(reinterpret_cast<uintptr_t>(stream));
    ENTER(__func__, details)
    const Layout &a = in<Layout>(Adesc), &b = in<Layout>(Bdesc), &d = in<Layout>(Ddesc);
    const Operation& job = in<Operation>(computeDesc);
    VALID(chosen.magic == MAGIC && chosen.number >= 1 && chosen.number <= 3)
    VALID(workspaceSizeInBytes >= NEEDED[chosen.number - 1] && workspace)
    VALID(fits(job, a, b, in<Layout>(Cdesc)) && fits(job, a, b, d))
    VALID(*static_cast<const float*>(beta) == 0 && C == D)
    std::memset(workspace, 0xff, workspaceSizeInBytes);
    int64_t terms = b.rows;
    for (int64_t row = 0; row < int64_t(d.rows); row++)
        for (int64_t col = 0; col < int64_t(d.cols); col++) {
            float sum = 0;
            for (int64_t i = 0; i < terms; i++) {
                int64_t left = job.transa == CUBLAS_OP_T ? i + row * a.ld : row + i * a.ld;
                sum += standin::get(A, left, a.type) * standin::get(B, i + col * b.ld, b.type);
            }
            standin::set(D, row + col * d.ld, d.type, *static_cast<const float*>(alpha) * sum);
        }
    return CUBLAS_STATUS_SUCCESS;
}
}
