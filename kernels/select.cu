/* Which number is the k-th smallest: of every row, or of the whole matrix.
 *
 * An element's number is key << 32 | column (philox.cuh): no two of a row are the same, so the k-th
 * smallest decides for every element, ties included. Keys are made again in every pass, not stored.
 *
 *   rows     a block a row; digits of 8 bits, the highest first. Of each digit, how many of the
 *            numbers that begin with those found so far have it:
 *
 *              found so far   a3 5f           counts of the third digit, k = 7
 *                                               00: 2   01: 0   02: 9   ..
 *                                                           k is among these: 02, the 5th of them
 *
 *            As soon as all that begin like this are wanted, the other digits are spared.
 *
 *   matrix   two passes over all elements, for the upper and the lower half of the key; where the
 *            last of those with that key lies, a third one counts.
 *
 * Reads nothing, writes 8 bytes a row. Philox limits `limits_of_rows`, counting in the L2 cache
 * `count_halves`: docs/gpu-kernels.md.
 */
#include "philox.cuh"

constexpr int THREADS = 256;
constexpr int DIGIT = 8;  // bits
constexpr int DIGITS = 1 << DIGIT;
static_assert(THREADS == DIGITS, "a thread looks after a digit");

/* `use(word, element)` for elements start .. stop - 1, each by one of the threads. */
template <typename Use>
INLINE void each(u64 seed, i64 start, i64 stop, i64 thread, i64 threads, const Use& use) {
  for (i64 at = start / DRAWN + thread; at * DRAWN < stop; at += threads) {
    const Drawn words = draw(seed, at);
#pragma unroll
    for (int i = 0; i < DRAWN; ++i) {
      const i64 element = at * DRAWN + i;
      if (element >= start && element < stop) use(words.at[i], element);
    }
  }
}

/* limits[row]: what exactly k numbers of the row are below, 0 < k < cols. Grid: rows. */
extern "C" __global__ void __launch_bounds__(THREADS)
    limits_of_rows(u64* __restrict__ limits, u64 seed, int cols, int k) {
  __shared__ u32 counts[DIGITS];
  __shared__ u64 found;  // the digits so far
  __shared__ u32 wanted, equal;
  const i64 start = i64(blockIdx.x) * cols, stop = start + cols;
  const int digit = threadIdx.x;
  if (digit == 0) found = 0, wanted = k, equal = 0;
  int shift = 64;
  do {
    shift -= DIGIT;
    counts[digit] = 0;
    __syncthreads();
    each(seed, start, stop, threadIdx.x, THREADS, [&](u64 word, i64 element) {
      const u64 number = number_of(word, u32(element - start));
      if (number >> shift >> DIGIT == found) atomicAdd(&counts[number >> shift & (DIGITS - 1)], 1u);
    });
    __syncthreads();
    u32 below = 0;
    for (int i = 0; i < digit; ++i) below += counts[i];
    const u32 mine = counts[digit], left = wanted;
    const u64 upto = found << DIGIT | u32(digit);
    __syncthreads();
    if (below < left && left <= below + mine) found = upto, wanted = left - below, equal = mine;
    __syncthreads();
  } while (shift > 0 && wanted < equal);
  // No overflow: as k < cols, a larger number follows.
  if (digit == 0) limits[blockIdx.x] = (found + 1) << shift;
}

/* counts[half] += elements whose key has that half: the upper one, or with `upper` set the lower
 * one of keys with that upper half. Shape: counts (65536,). Any grid.
 */
extern "C" __global__ void __launch_bounds__(THREADS)
    count_halves(u64* __restrict__ counts, u64 seed, i64 elements, int upper) {
  const i64 thread = i64(blockIdx.x) * THREADS + threadIdx.x;
  each(seed, 0, elements, thread, i64(gridDim.x) * THREADS, [&](u64 word, i64) {
    const u32 key = key_of(word);
    if (upper < 0) {
      atomicAdd(&counts[key >> 16], u64(1));
    } else if (key >> 16 == u32(upper)) {
      atomicAdd(&counts[key & 0xffffu], u64(1));
    }
  });
}

/* counts[i] += elements with that key in part i of the matrix, `part` elements long. Any grid. */
extern "C" __global__ void __launch_bounds__(THREADS)
    count_key(u64* __restrict__ counts, u64 seed, i64 elements, u32 key, i64 part) {
  const i64 thread = i64(blockIdx.x) * THREADS + threadIdx.x;
  each(seed, 0, elements, thread, i64(gridDim.x) * THREADS, [&](u64 word, i64 element) {
    if (key_of(word) == key) atomicAdd(&counts[element / part], u64(1));
  });
}
