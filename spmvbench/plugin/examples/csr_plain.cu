/* A plain CSR product on an NVIDIA GPU as a plug-in of spmvbench: an example to begin from.
 *
 *     nvcc -O3 -arch=native -shared -Xcompiler -fPIC -I"$(spmvbench plugin-header)" \
 *         csr_plain.cu -o csr_plain_cuda.so
 */
#include <cuda_bf16.h>
#include <cuda_fp16.h>

// y = A x, a thread per entry of y. Shapes: x (cols, batch), y (rows, batch), both of type T.
template <typename T>
__global__ void product(const T* values, const int* columns, const long long* ends, const T* x,
                        T* y, long long rows, int batch) {
    const long long at = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    const long long row = at / batch, k = at % batch;
    if (row >= rows) return;
    float sum = 0;
    for (long long i = ends[row]; i < ends[row + 1]; ++i)
        sum += float(values[i]) * float(x[columns[i] * (long long)batch + k]);
    y[at] = T(sum);
}

// The host: what spmvbench calls.

#include <stdlib.h>
#include <string.h>

#include "spmvbench_plugin.h"

enum { VALUES, COLUMNS, ROW_POINTERS };

static size_t value_bytes(int32_t dtype) { return dtype == SPMVBENCH_FLOAT32 ? 4 : 2; }

static void release(spmvbench_packed* packed) {
    for (int i = 0; i < packed->array_count; i++) free(packed->arrays[i].data);
}

static int pack(const spmvbench_matrix* a, spmvbench_packed* packed) {
    const char* names[] = {"values", "columns", "row_pointers"};
    const void* from[] = {a->values, a->columns, a->row_pointers};
    const size_t bytes[] = {a->entries * value_bytes(a->dtype), a->entries * sizeof(int32_t),
                            (a->rows + 1) * sizeof(int64_t)};
    for (int i = 0; i < 3; i++) {
        void* to = malloc(bytes[i] + 1); /* of no bytes it may give NULL */
        if (!to) {
            release(packed);
            return SPMVBENCH_OUT_OF_MEMORY;
        }
        packed->arrays[packed->array_count++] = {names[i], memcpy(to, from[i], bytes[i]), bytes[i]};
    }
    return SPMVBENCH_OK;
}

template <typename T>
static void start(const spmvbench_product* a, const void* x, void* y, cudaStream_t stream) {
    const spmvbench_problem p = a->problem;
    const int threads = 128;
    const long long blocks = (p.rows * p.batch + threads - 1) / threads;
    product<T><<<blocks, threads, 0, stream>>>(
        (const T*)a->arrays[VALUES], (const int*)a->arrays[COLUMNS],
        (const long long*)a->arrays[ROW_POINTERS], (const T*)x, (T*)y, p.rows, p.batch);
}

static int launch(const spmvbench_product* a, const void* x, void* y, void*, void* stream_) {
    const cudaStream_t stream = (cudaStream_t)stream_;
    if (a->problem.rows == 0) return SPMVBENCH_OK; /* no launch has an empty grid */
    if (a->problem.dtype == SPMVBENCH_FLOAT16) start<__half>(a, x, y, stream);
    if (a->problem.dtype == SPMVBENCH_BFLOAT16) start<__nv_bfloat16>(a, x, y, stream);
    if (a->problem.dtype == SPMVBENCH_FLOAT32) start<float>(a, x, y, stream);
    return cudaPeekAtLastError() == cudaSuccess ? SPMVBENCH_OK : SPMVBENCH_FAILED;
}

static int unpack(const spmvbench_product* a, void* dense) {
    const spmvbench_problem p = a->problem;
    const size_t size = value_bytes(p.dtype);
    const int32_t* columns = (const int32_t*)a->arrays[COLUMNS];
    const int64_t* ends = (const int64_t*)a->arrays[ROW_POINTERS];
    memset(dense, 0, p.rows * p.cols * size);
    for (int64_t row = 0; row < p.rows; row++)
        for (int64_t i = ends[row]; i < ends[row + 1]; i++)
            memcpy((char*)dense + (row * p.cols + columns[i]) * size,
                   (const char*)a->arrays[VALUES] + i * size, size);
    return SPMVBENCH_OK;
}

static const char* error() { return cudaGetErrorString(cudaGetLastError()); }

SPMVBENCH_PLUGIN(self) {
    self->name = "csr-plain-cuda";
    self->devices = SPMVBENCH_CUDA;
    self->input = SPMVBENCH_CSR;
    self->max_batch = 32;
    self->pack = pack;
    self->free = release;
    self->launch = launch;
    self->unpack = unpack;
    self->error = error;
}
