/* A format and its product, in C or C++, for spmvbench: what a shared library exports.
 *
 * Name it `plugin:path/to/library.so` wherever a format is named. `spmvbench new-plugin` writes
 * a whole one for CPUs, `spmvbench new-plugin cuda` one for NVIDIA GPUs.
 *
 *     #include "spmvbench_plugin.h"
 *
 *     SPMVBENCH_PLUGIN(self) {
 *         self->name = "my-csr";
 *         self->pack = pack;
 *         self->free = release;
 *         self->launch = launch;
 *     }
 *
 * In order: pack, once; the arrays are copied, on a GPU to its memory; free; workspace_bytes; then
 * launch, many times, of which alone the time is taken. All calls come from one thread at a time.
 * What is printed to stdout or stderr, `spmvbench check` shows and `spmvbench run` keeps in logs/.
 */
#ifndef SPMVBENCH_PLUGIN_H
#define SPMVBENCH_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#define SPMVBENCH_ABI_VERSION 1

#define SPMVBENCH_MAX_ARRAYS 16
#define SPMVBENCH_MAX_PARAMS 16
#define SPMVBENCH_MAX_BATCH 32

/* Types of values, and sets of them. */
enum { SPMVBENCH_FLOAT16 = 1, SPMVBENCH_BFLOAT16 = 2, SPMVBENCH_FLOAT32 = 4 };

/* Devices, and sets of them. */
enum { SPMVBENCH_CPU = 1, SPMVBENCH_CUDA = 2 };

/* What `pack` is given. */
enum { SPMVBENCH_DENSE = 1, SPMVBENCH_CSR = 2 };

/* What pack, unpack and launch return; any other number is an error as well. */
enum { SPMVBENCH_OK = 0, SPMVBENCH_FAILED = 1, SPMVBENCH_OUT_OF_MEMORY = 2 };

/* What is asked for. `batch`: columns of x. `threads`: on a CPU, how many to use; the row says that
 * they were. OpenMP is told the same number, as OMP_NUM_THREADS and by omp_set_num_threads; threads
 * of your own have to count themselves.
 */
struct spmvbench_problem {
    int64_t rows, cols;
    int32_t dtype, device, batch, threads;
};

/* A matrix on the host, of which nothing may be changed or kept.
 *
 * SPMVBENCH_DENSE: `dense`, rows x cols values in C order. The other pointers are NULL, and
 * `entries` is 0: nobody has counted.
 * SPMVBENCH_CSR: row r has the entries row_pointers[r] to row_pointers[r + 1], columns ascending,
 * without zeros, `entries` in all; `dense` is NULL. Values are of type `dtype` in both.
 */
struct spmvbench_matrix {
    int64_t rows, cols, entries;
    int32_t dtype, reserved;
    const void* dense;
    const void* values;
    const int32_t* columns;
    const int64_t* row_pointers;
};

struct spmvbench_array {
    const char* name;
    void* data;
    size_t bytes;
};

/* What `pack` fills in, all on the host: the packed matrix as arrays, in the order in which launch
 * takes them, and up to 16 numbers that launch is given as they are. It begins as zeros.
 */
struct spmvbench_packed {
    int32_t array_count, param_count;
    struct spmvbench_array arrays[SPMVBENCH_MAX_ARRAYS];
    int64_t params[SPMVBENCH_MAX_PARAMS];
    void* owner; /* for free; not looked at */
};

/* The packed matrix as launch gets it: copies of the arrays, each aligned to 64 bytes or more, on a
 * GPU in its memory. `params` stay on the host.
 */
struct spmvbench_product {
    struct spmvbench_problem problem;
    const void* arrays[SPMVBENCH_MAX_ARRAYS];
    int64_t params[SPMVBENCH_MAX_PARAMS];
};

struct spmvbench_plugin {
    /* What it is. The sets are sums of the constants above. Set before: devices SPMVBENCH_CPU,
     * dtypes all three, input SPMVBENCH_CSR, max_batch 1, accumulate SPMVBENCH_FLOAT32, lossless 1.
     */
    const char* name;
    int32_t devices;
    int32_t dtypes;
    int32_t input;
    int32_t max_batch;  /* 1 to 32 */
    int32_t accumulate; /* the type that sums are kept in: the bound of errors follows it */
    int32_t lossless;   /* 0: judged as a product of what `unpack` gives; unpack is needed then */
    int32_t dense;      /* 1: every element is stored, so it may be the baseline of others */
    int32_t reserved;

    /* Needed. The same matrix must give the same bytes. What pack has made lives until free. */
    int (*pack)(const struct spmvbench_matrix* matrix, struct spmvbench_packed* packed);
    void (*free)(struct spmvbench_packed* packed);

    /* Needed. y = A x, written whole; nothing is added to what y held. Queued on `stream` (a
     * cudaStream_t; NULL on a CPU) without waiting, allocating or freeing.
     *
     * x is cols x batch and y is rows x batch, both in C order: on a CPU float32, on a GPU of the
     * type of the weights. `workspace` holds workspace_bytes; NULL where that is 0 or left out.
     */
    int (*launch)(
        const struct spmvbench_product* product, const void* x, void* y, void* workspace,
        void* stream);

    /* May be left out. */

    /* Bytes that launch needs beside: allocated once per packed matrix, aligned as the arrays. */
    size_t (*workspace_bytes)(const struct spmvbench_product* product);
    /* The matrix in C order, from arrays on the host: the battery then judges pack as well. */
    int (*unpack)(const struct spmvbench_product* product, void* dense);
    /* Why it cannot take a problem, in one line; NULL when it can. */
    const char* (*unavailable)(const struct spmvbench_problem* problem);
    /* What the last call that returned something else than SPMVBENCH_OK had to say. */
    const char* (*error)(void);
};

#ifdef __cplusplus
#define SPMVBENCH_EXPORT extern "C" __attribute__((visibility("default")))
#else
#define SPMVBENCH_EXPORT __attribute__((visibility("default")))
#endif

/* Defines what the library exports. The version is asked for before the rest is touched. */
#define SPMVBENCH_PLUGIN(self)                               \
    SPMVBENCH_EXPORT int32_t spmvbench_abi_version(void);    \
    SPMVBENCH_EXPORT void spmvbench_plugin(struct spmvbench_plugin*); \
    int32_t spmvbench_abi_version(void) { return SPMVBENCH_ABI_VERSION; } \
    void spmvbench_plugin(struct spmvbench_plugin* self)

#endif
