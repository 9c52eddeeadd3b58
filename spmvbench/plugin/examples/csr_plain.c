/* A plain CSR product on the CPU as a plug-in of spmvbench: an example to begin from.
 *
 *     cc -O3 -march=native -fPIC -shared -I"$(spmvbench plugin-header)" csr_plain.c -o csr_plain.so
 */
#include <stdlib.h>
#include <string.h>

#include "spmvbench_plugin.h"

enum { VALUES, COLUMNS, ROW_POINTERS };

static void* copied(const void* from, size_t bytes) {
    void* to = malloc(bytes + 1); /* of no bytes it may give NULL */
    return to && bytes ? memcpy(to, from, bytes) : to;
}

static size_t value_bytes(int32_t dtype) { return dtype == SPMVBENCH_FLOAT32 ? 4 : 2; }

static void release(struct spmvbench_packed* packed) {
    for (int i = 0; i < packed->array_count; i++) free(packed->arrays[i].data);
}

static int pack(const struct spmvbench_matrix* a, struct spmvbench_packed* packed) {
    struct spmvbench_array arrays[] = {
        {"values", 0, a->entries * value_bytes(a->dtype)},
        {"columns", 0, a->entries * sizeof(int32_t)},
        {"row_pointers", 0, (a->rows + 1) * sizeof(int64_t)},
    };
    const void* from[] = {a->values, a->columns, a->row_pointers};
    for (int i = 0; i < 3; i++) {
        arrays[i].data = copied(from[i], arrays[i].bytes);
        if (!arrays[i].data) {
            release(packed);
            return SPMVBENCH_OUT_OF_MEMORY;
        }
        packed->arrays[packed->array_count++] = arrays[i];
    }
    return SPMVBENCH_OK;
}

static float value(const void* values, int64_t i, int32_t dtype) {
    if (dtype == SPMVBENCH_FLOAT32) return ((const float*)values)[i];
    return (float)((const _Float16*)values)[i];
}

static int launch(
    const struct spmvbench_product* a, const void* x_, void* y_, void* workspace, void* stream) {
    const struct spmvbench_problem p = a->problem;
    const int32_t* columns = a->arrays[COLUMNS];
    const int64_t* ends = a->arrays[ROW_POINTERS];
    const float* x = x_;
    float* y = y_;
    (void)workspace, (void)stream;
    for (int64_t row = 0; row < p.rows; row++)
        for (int32_t k = 0; k < p.batch; k++) {
            float sum = 0;
            for (int64_t i = ends[row]; i < ends[row + 1]; i++)
                sum += value(a->arrays[VALUES], i, p.dtype) * x[columns[i] * (int64_t)p.batch + k];
            y[row * p.batch + k] = sum;
        }
    return SPMVBENCH_OK;
}

static int unpack(const struct spmvbench_product* a, void* dense) {
    const struct spmvbench_problem p = a->problem;
    const size_t size = value_bytes(p.dtype);
    const int32_t* columns = a->arrays[COLUMNS];
    const int64_t* ends = a->arrays[ROW_POINTERS];
    memset(dense, 0, p.rows * p.cols * size);
    for (int64_t row = 0; row < p.rows; row++)
        for (int64_t i = ends[row]; i < ends[row + 1]; i++)
            memcpy(
                (char*)dense + (row * p.cols + columns[i]) * size,
                (const char*)a->arrays[VALUES] + i * size, size);
    return SPMVBENCH_OK;
}

SPMVBENCH_PLUGIN(self) {
    self->name = "csr-plain";
    self->devices = SPMVBENCH_CPU;
    self->dtypes = SPMVBENCH_FLOAT16 | SPMVBENCH_FLOAT32;
    self->input = SPMVBENCH_CSR;
    self->max_batch = 32;
    self->pack = pack;
    self->free = release;
    self->launch = launch;
    self->unpack = unpack;
}
