/* A dense plug-in that misbehaves as it is compiled to: -DHOW=CRASH and so on.
 *
 * GOOD keeps to the header on both kinds of device, whose memory is the host's in tests, uses a
 * workspace, a parameter and a stream, and does not unpack.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spmvbench_plugin.h"

#ifdef _OPENMP
#include <omp.h>
#endif

enum { GOOD, FAILS, FULL, CRASHES, WRONG, LEAVES_NAN, HANGS, NO_LAUNCH, LOSSY, BATCH, COUNT, NULLS,
       PAST_Y, BEFORE_Y, PAST_ROOM, NO_ROOM, PRINTS };

static int freed;

int stranger_freed(void) { return freed; }

void* stranger_stream;

static void release(struct spmvbench_packed* packed) {
    free(packed->owner);
    freed++;
}

static int pack(const struct spmvbench_matrix* a, struct spmvbench_packed* packed) {
    if (HOW == FAILS) return 7;
    if (HOW == FULL) return SPMVBENCH_OUT_OF_MEMORY;
    if (HOW == PRINTS) printf("packing %d rows\n", (int)a->rows);
    size_t bytes = a->rows * a->cols * sizeof(float);
    packed->owner = malloc(bytes + 1);
    if (bytes) memcpy(packed->owner, a->dense, bytes);
    packed->arrays[0].name = "everything";
    packed->arrays[0].bytes = bytes;
    packed->arrays[0].data = HOW == NULLS ? 0 : packed->owner;
    packed->array_count = HOW == COUNT ? 17 : 1;
    packed->params[0] = a->cols;
    packed->param_count = 1;
    return SPMVBENCH_OK;
}

static size_t workspace_bytes(const struct spmvbench_product* a) {
    return (size_t)a->problem.batch * sizeof(float);
}

static int launch(
    const struct spmvbench_product* a, const void* x_, void* y_, void* workspace, void* stream) {
    const float *values = a->arrays[0], *x = x_;
    float own[4], *y = y_, *sums = HOW == NO_ROOM ? own : workspace;
    int64_t cols = a->params[0];
    int32_t batch = a->problem.batch;
    stranger_stream = stream;
#ifdef _OPENMP
    if (omp_get_max_threads() != a->problem.threads) return SPMVBENCH_FAILED;
#endif
    if (HOW == NO_ROOM && workspace) return SPMVBENCH_FAILED;
    if (HOW == CRASHES) printf("about to abort\n"), abort();
    if (HOW == PAST_Y) y[a->problem.rows * batch] = 1;
    if (HOW == BEFORE_Y) y[-1] = 1;
    if (HOW == PAST_ROOM) sums[batch] = 1;
    while (HOW == HANGS) continue;
    if (HOW == LEAVES_NAN) return SPMVBENCH_OK;
    for (int64_t row = 0; row < a->problem.rows; row++) {
        memset(sums, 0, batch * sizeof(float));
        for (int64_t c = 0; c < cols; c++)
            for (int32_t k = 0; k < batch; k++)
                if (values[row * cols + c] != 0)
                    sums[k] += values[row * cols + c] * x[c * batch + k];
        for (int32_t k = 0; k < batch; k++) y[row * batch + k] = sums[k] + (HOW == WRONG);
    }
    return SPMVBENCH_OK;
}

static const char* error(void) { return "the line\nthat explains"; }

static const char* unavailable(const struct spmvbench_problem* p) {
    return p->rows == 13 ? "stranger takes no 13 rows" : 0;
}

SPMVBENCH_PLUGIN(self) {
    self->name = "stranger";
    self->devices = SPMVBENCH_CPU | SPMVBENCH_CUDA;
    self->dtypes = SPMVBENCH_FLOAT32;
    self->input = SPMVBENCH_DENSE;
    self->max_batch = HOW == BATCH ? 33 : 4;
    self->lossless = HOW != LOSSY;
    self->pack = pack;
    self->free = release;
    self->launch = HOW == NO_LAUNCH ? 0 : launch;
    self->workspace_bytes = HOW == NO_ROOM ? 0 : workspace_bytes;
    self->unavailable = unavailable;
    self->error = error;
}
