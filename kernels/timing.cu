/* What the timer needs beside the product: docs/gpu-kernels.md, "How time is taken".
 *
 *   queue    wait_until_open | read_all (flush) | read_all (x) | event | product | event
 *   host     ... queues all of it ...........................................^ opens here
 */
#include "warp.cuh"
#include "ptx.cuh"

/* Holds the stream until the host writes a 1, so that nothing behind it waits for the host.
 *
 * Both words are in the host's memory. After `limit` ns it gives up and says so in `late`: the host
 * then waits for something that is queued behind this, and would wait forever.
 */
extern "C" __global__ void wait_until_open(const volatile int* opened, volatile int* late,
                                           u64 limit) {
  const u64 begin = nanoseconds();
  while (!*opened) {
    if (nanoseconds() - begin > limit) {
      *late = 1;
      return;
    }
  }
}

/* A launch and nothing else: what every product pays. */
extern "C" __global__ void nothing() {}

// Loads of 16 bytes in one round of a thread. If the compiler keeps only two of them in flight, the
// 2,048 threads of a multiprocessor have 64 KiB.
constexpr int DEPTH = 8;

INLINE u32 folded(const Words& words) {
  return words.at[0] + words.at[1] + words.at[2] + words.at[3];
}

/* Reads `loads` times 16 bytes once, into the L2 cache: as a flush, as a probe of bandwidth.
 *
 * `sink` is written in one case of 2^32, which no compiler can rule out, so that no read is left
 * out.
 */
extern "C" __global__ void __launch_bounds__(512)
    read_all(const Words* __restrict__ from, i64 loads, u32* sink) {
  const i64 step = i64(gridDim.x) * blockDim.x;
  i64 at = i64(blockIdx.x) * blockDim.x + threadIdx.x;
  u32 sum = 0;
  for (; at + (DEPTH - 1) * step < loads; at += DEPTH * step) {
    Words words[DEPTH];
#pragma unroll
    for (int i = 0; i < DEPTH; ++i) words[i] = stream(from + at + i * step);
#pragma unroll
    for (int i = 0; i < DEPTH; ++i) sum += folded(words[i]);
  }
  for (; at < loads; at += step) sum += folded(stream(from + at));
  if (sum == 0x9e3779b9u) *sink = sum;
}

/* Reads and writes `loads` times 16 bytes once: a probe of bandwidth. */
extern "C" __global__ void __launch_bounds__(512)
    copy_all(const Words* __restrict__ from, Words* __restrict__ to, i64 loads) {
  const i64 step = i64(gridDim.x) * blockDim.x;
  for (i64 at = i64(blockIdx.x) * blockDim.x + threadIdx.x; at < loads; at += step) {
    to[at] = stream(from + at);
  }
}
