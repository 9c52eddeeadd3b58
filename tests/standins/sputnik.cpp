// A stand-in for libsputnik: CudaSpmm of both kinds, on host memory, in our own words. What it
// refuses, the library would misread: an odd number of columns, odd rows, rows not all done.
#include <vector>

#include "standin.hpp"

struct __half2 {
    uint16_t x, y;
};
struct short2 {
    int16_t x, y;
};
struct CUstream_st;

namespace {

const int INVALID = 1;  // cudaErrorInvalidValue

template <class Index>
int spmm(
    const std::string& kind, int m, int k, int n, int nonzeros, const int* row_indices,
    const void* values, const int* row_offsets, const Index* columns, const void* x, void* y,
    cudaDataType type, int step) {
    if (int failed = standin::enter("CudaSpmm", kind + " " + std::to_string(n))) return failed;
    EXPECT(m > 0 && k >= 0 && n > 0, INVALID)
    EXPECT(n % step == 0, INVALID)
    EXPECT(row_offsets[0] == 0 && row_offsets[m] == nonzeros, INVALID)
    std::vector<int> done(m);
    for (int i = 0; i < m; i++) {
        int row = row_indices[i];
        EXPECT(row >= 0 && row < m && !done[row]++, INVALID)
        int length = row_offsets[row + 1] - row_offsets[row];
        EXPECT(length >= 0 && (type == CUDA_R_32F || length % 2 == 0), INVALID)
        for (int col = 0; col < n; col++) {
            float sum = 0;
            for (int e = row_offsets[row]; e < row_offsets[row + 1]; e++) {
                EXPECT(columns[e] >= 0 && columns[e] < k, INVALID)
                sum += standin::get(values, e, type) *
                       standin::get(x, int64_t(columns[e]) * n + col, type);
            }
            standin::set(y, int64_t(row) * n + col, type, sum);
        }
    }
    return 0;
}

}  // namespace

namespace sputnik {

#ifndef WITHOUT_HALF
int CudaSpmm(
    int m, int k, int n, int nonzeros, const int* row_indices, const __half2* values,
    const int* row_offsets, const short2* column_indices, const __half2* dense_matrix,
    __half2* output_matrix, CUstream_st* stream) {
    return spmm(
        "half2 " + std::to_string(reinterpret_cast<uintptr_t>(stream)), m, k, n, nonzeros,
        row_indices, values, row_offsets, reinterpret_cast<const int16_t*>(column_indices),
        dense_matrix, output_matrix, CUDA_R_16F, n <= 16 ? 2 : 4);
}
#endif

int CudaSpmm(
    int m, int k, int n, int nonzeros, const int* row_indices, const float* values,
    const int* row_offsets, const int* column_indices, const float* dense_matrix,
    float* output_matrix, CUstream_st* stream) {
    return spmm(
        "float " + std::to_string(reinterpret_cast<uintptr_t>(stream)), m, k, n, nonzeros,
        row_indices, values, row_offsets, column_indices, dense_matrix, output_matrix, CUDA_R_32F,
        1);
}

}  // namespace sputnik
