// A stand-in for libcusparse: the calls that baselines/_cusparse.py makes, on host memory.
#include <cusparse.h>

#include "standin.hpp"

struct cusparseContext {
    cudaStream_t stream = nullptr;
};

struct cusparseSpMatDescr {
    int64_t rows, cols, nnz;
    void *offsets, *columns, *values;
    cusparseIndexType_t index;
    cudaDataType type;
    mutable const void* prepared = nullptr;  // the buffer that it was preprocessed into
};

struct cusparseDnVecDescr {
    int64_t size;
    void* values;
    cudaDataType type;
};

struct cusparseDnMatDescr {
    int64_t rows, cols, ld;
    void* values;
    cudaDataType type;
    cusparseOrder_t order;
};

#define ENTER(...)                                \
    if (int failed = standin::enter(__VA_ARGS__)) \
        return cusparseStatus_t(failed);
#define VALID(condition) EXPECT(condition, CUSPARSE_STATUS_INVALID_VALUE)
#define SUPPORTED(condition) EXPECT(condition, CUSPARSE_STATUS_NOT_SUPPORTED)

namespace {

const size_t BUFFER_BYTES = 1000;

int64_t index(const cusparseSpMatDescr& a, const void* array, int64_t place) {
    return a.index == CUSPARSE_INDEX_32I ? static_cast<const int32_t*>(array)[place]
                                         : static_cast<const int64_t*>(array)[place];
}

// The types of a product, as the table of the documentation has them; "16 bits" is a failure that
// a test asks for, as of the versions that take none.
cusparseStatus_t types(cudaDataType a, cudaDataType x, cudaDataType y, cudaDataType compute) {
    SUPPORTED(standin::known(a) && a == x && x == y && compute == CUDA_R_32F)
    SUPPORTED(a == CUDA_R_32F || !standin::enter("16 bits"))
    return CUSPARSE_STATUS_SUCCESS;
}

float row_by(const cusparseSpMatDescr& a, int64_t row, const void* x, int64_t stride) {
    float sum = 0;
    for (int64_t i = index(a, a.offsets, row); i < index(a, a.offsets, row + 1); i++)
        sum += standin::get(a.values, i, a.type) *
               standin::get(x, index(a, a.columns, i) * stride, a.type);
    return sum;
}

float number(const void* scalar) { return *static_cast<const float*>(scalar); }

}  // namespace

extern "C" {

cusparseStatus_t CUSPARSEAPI cusparseCreate(cusparseHandle_t* handle) {
    ENTER(__func__)
    *handle = new cusparseContext;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t CUSPARSEAPI cusparseSetStream(cusparseHandle_t handle, cudaStream_t stream) {
    ENTER(__func__, std::to_string(reinterpret_cast<uintptr_t>(stream)))
    handle->stream = stream;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t CUSPARSEAPI cusparseGetProperty(libraryPropertyType type, int* value) {
    const int version[] = {12, 9, 4};
    VALID(type >= MAJOR_VERSION && type <= PATCH_LEVEL)
    *value = version[type];
    return CUSPARSE_STATUS_SUCCESS;
}

const char* CUSPARSEAPI cusparseGetErrorName(cusparseStatus_t status) {
    switch (status) {
        case CUSPARSE_STATUS_NOT_INITIALIZED: return "CUSPARSE_STATUS_NOT_INITIALIZED";
        case CUSPARSE_STATUS_ALLOC_FAILED: return "CUSPARSE_STATUS_ALLOC_FAILED";
        case CUSPARSE_STATUS_INVALID_VALUE: return "CUSPARSE_STATUS_INVALID_VALUE";
        case CUSPARSE_STATUS_ARCH_MISMATCH: return "CUSPARSE_STATUS_ARCH_MISMATCH";
        case CUSPARSE_STATUS_EXECUTION_FAILED: return "CUSPARSE_STATUS_EXECUTION_FAILED";
        case CUSPARSE_STATUS_NOT_SUPPORTED: return "CUSPARSE_STATUS_NOT_SUPPORTED";
        default: return "CUSPARSE_STATUS_OF_ANOTHER_KIND";
    }
}

cusparseStatus_t CUSPARSEAPI cusparseCreateCsr(
    cusparseSpMatDescr_t* made, int64_t rows, int64_t cols, int64_t nnz, void* csrRowOffsets,
    void* csrColInd, void* csrValues, cusparseIndexType_t csrRowOffsetsType,
    cusparseIndexType_t csrColIndType, cusparseIndexBase_t idxBase, cudaDataType valueType) {
    ENTER(__func__)
    VALID(rows > 0 && cols > 0 && nnz > 0 && nnz <= rows * cols)
    VALID(csrRowOffsets && csrColInd && csrValues)
    VALID(csrRowOffsetsType == CUSPARSE_INDEX_32I || csrRowOffsetsType == CUSPARSE_INDEX_64I)
    VALID(csrColIndType == csrRowOffsetsType && idxBase == CUSPARSE_INDEX_BASE_ZERO)
    VALID(standin::known(valueType))
    *made = new cusparseSpMatDescr{rows,      cols,      nnz,               csrRowOffsets,
                                   csrColInd, csrValues, csrRowOffsetsType, valueType};
    standin::alive++;
    VALID(index(**made, csrRowOffsets, rows) == nnz)
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t CUSPARSEAPI cusparseDestroySpMat(cusparseConstSpMatDescr_t made) {
    ENTER(__func__)
    delete made;
    standin::alive--;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t CUSPARSEAPI cusparseCreateDnVec(
    cusparseDnVecDescr_t* made, int64_t size, void* values, cudaDataType valueType) {
    ENTER(__func__)
    VALID(size > 0 && values && standin::known(valueType))
    *made = new cusparseDnVecDescr{size, values, valueType};
    standin::alive++;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t CUSPARSEAPI cusparseDnVecSetValues(cusparseDnVecDescr_t made, void* values) {
    ENTER(__func__)
    VALID(values)
    made->values = values;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t CUSPARSEAPI cusparseDestroyDnVec(cusparseConstDnVecDescr_t made) {
    ENTER(__func__)
    delete made;
    standin::alive--;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t CUSPARSEAPI cusparseCreateDnMat(
    cusparseDnMatDescr_t* made, int64_t rows, int64_t cols, int64_t ld, void* values,
    cudaDataType valueType, cusparseOrder_t order) {
    ENTER(__func__)
    VALID(rows > 0 && cols > 0 && values && standin::known(valueType))
    VALID(order == CUSPARSE_ORDER_COL || order == CUSPARSE_ORDER_ROW)
    VALID(ld >= (order == CUSPARSE_ORDER_COL ? rows : cols))
    *made = new cusparseDnMatDescr{rows, cols, ld, values, valueType, order};
    standin::alive++;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t CUSPARSEAPI cusparseDnMatSetValues(cusparseDnMatDescr_t made, void* values) {
    ENTER(__func__)
    VALID(values)
    made->values = values;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t CUSPARSEAPI cusparseDestroyDnMat(cusparseConstDnMatDescr_t made) {
    ENTER(__func__)
    delete made;
    standin::alive--;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t CUSPARSEAPI cusparseSpMV_bufferSize(
    cusparseHandle_t, cusparseOperation_t opA, const void* alpha, cusparseConstSpMatDescr_t a,
    cusparseConstDnVecDescr_t x, const void* beta, cusparseDnVecDescr_t y,
    cudaDataType computeType, cusparseSpMVAlg_t alg, size_t* bufferSize) {
    ENTER(__func__)
    VALID(opA == CUSPARSE_OPERATION_NON_TRANSPOSE && alg == CUSPARSE_SPMV_CSR_ALG1)
    VALID(alpha && beta && a->cols == x->size && a->rows == y->size)
    if (auto refused = types(a->type, x->type, y->type, computeType)) return refused;
    *bufferSize = BUFFER_BYTES;
    return CUSPARSE_STATUS_SUCCESS;
}

#ifndef OLD  // versions before that of CUDA 12.4 do not have it
cusparseStatus_t CUSPARSEAPI cusparseSpMV_preprocess(
    cusparseHandle_t, cusparseOperation_t opA, const void*, cusparseConstSpMatDescr_t a,
    cusparseConstDnVecDescr_t, const void*, cusparseDnVecDescr_t, cudaDataType,
    cusparseSpMVAlg_t alg, void* externalBuffer) {
    ENTER(__func__)
    VALID(opA == CUSPARSE_OPERATION_NON_TRANSPOSE && alg == CUSPARSE_SPMV_CSR_ALG1)
    VALID(externalBuffer)
    a->prepared = externalBuffer;
    std::memset(externalBuffer, 0x5a, BUFFER_BYTES);
    return CUSPARSE_STATUS_SUCCESS;
}
#endif

cusparseStatus_t CUSPARSEAPI cusparseSpMV(
    cusparseHandle_t, cusparseOperation_t opA, const void* alpha, cusparseConstSpMatDescr_t a,
    cusparseConstDnVecDescr_t x, const void* beta, cusparseDnVecDescr_t y,
    cudaDataType computeType, cusparseSpMVAlg_t alg, void* externalBuffer) {
    ENTER(__func__)
    VALID(opA == CUSPARSE_OPERATION_NON_TRANSPOSE && alg == CUSPARSE_SPMV_CSR_ALG1)
    VALID(a->cols == x->size && a->rows == y->size && externalBuffer)
    VALID(!a->prepared || a->prepared == externalBuffer)
    VALID(number(beta) == 0)
    if (auto refused = types(a->type, x->type, y->type, computeType)) return refused;
    if (a->prepared)
        for (size_t i = 0; i < BUFFER_BYTES; i++)
            VALID(static_cast<const unsigned char*>(externalBuffer)[i] == 0x5a)
    for (int64_t row = 0; row < a->rows; row++) {
        float sum = row_by(*a, row, x->values, 1);
        standin::set(y->values, row, y->type, number(alpha) * sum);
    }
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t CUSPARSEAPI cusparseSpMM_bufferSize(
    cusparseHandle_t, cusparseOperation_t opA, cusparseOperation_t opB, const void* alpha,
    cusparseConstSpMatDescr_t a, cusparseConstDnMatDescr_t b, const void* beta,
    cusparseDnMatDescr_t c, cudaDataType computeType, cusparseSpMMAlg_t alg,
    size_t* bufferSize) {
    ENTER(__func__)
    VALID(opA == CUSPARSE_OPERATION_NON_TRANSPOSE && opB == CUSPARSE_OPERATION_NON_TRANSPOSE)
    VALID(alpha && beta && a->cols == b->rows && a->rows == c->rows)
    VALID(b->cols == c->cols && b->order == c->order)
    bool columns = b->order == CUSPARSE_ORDER_COL;
    VALID(alg == (columns ? CUSPARSE_SPMM_CSR_ALG1 : CUSPARSE_SPMM_CSR_ALG2))
    if (auto refused = types(a->type, b->type, c->type, computeType)) return refused;
    *bufferSize = BUFFER_BYTES;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t CUSPARSEAPI cusparseSpMM_preprocess(
    cusparseHandle_t, cusparseOperation_t, cusparseOperation_t, const void*,
    cusparseConstSpMatDescr_t a, cusparseConstDnMatDescr_t, const void*, cusparseDnMatDescr_t,
    cudaDataType, cusparseSpMMAlg_t, void* externalBuffer) {
    ENTER(__func__)
    VALID(externalBuffer)
    a->prepared = externalBuffer;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t CUSPARSEAPI cusparseSpMM(
    cusparseHandle_t, cusparseOperation_t opA, cusparseOperation_t opB, const void* alpha,
    cusparseConstSpMatDescr_t a, cusparseConstDnMatDescr_t b, const void* beta,
    cusparseDnMatDescr_t c, cudaDataType computeType, cusparseSpMMAlg_t alg,
    void* externalBuffer) {
    ENTER(__func__, alg == CUSPARSE_SPMM_CSR_ALG1 ? "CSR_ALG1" : "CSR_ALG2")
    VALID(opA == CUSPARSE_OPERATION_NON_TRANSPOSE && opB == CUSPARSE_OPERATION_NON_TRANSPOSE)
    VALID(a->cols == b->rows && a->rows == c->rows && b->cols == c->cols)
    VALID(a->prepared == externalBuffer && externalBuffer && number(beta) == 0)
    if (auto refused = types(a->type, b->type, c->type, computeType)) return refused;
    bool columns = b->order == CUSPARSE_ORDER_COL;
    int64_t size = a->type == CUDA_R_32F ? 4 : 2;
    for (int64_t row = 0; row < c->rows; row++)
        for (int64_t col = 0; col < c->cols; col++) {
            int64_t first = columns ? col * b->ld : col;
            const void* x = static_cast<const char*>(b->values) + first * size;
            float sum = row_by(*a, row, x, columns ? 1 : b->ld);
            int64_t place = columns ? row + col * c->ld : row * c->ld + col;
            standin::set(c->values, place, c->type, number(alpha) * sum);
        }
    return CUSPARSE_STATUS_SUCCESS;
}
}
