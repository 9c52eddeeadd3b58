/* One warp per row: what the plain kernels of the sparse formats share.
 *
 *   block 0                      block 1
 *   warp 0   warp 1 ... warp 7   warp 0 ...
 *   row 0    row 1      row 7    row 8  ...
 *
 *   x (cols, BATCH) in C order:  column c is the BATCH neighbours from x[c * BATCH], one Vector
 *   y (rows, BATCH) in C order:  row r likewise
 *
 * x and y begin at a multiple of 16 bytes.
 */
#pragma once
#include "warp.cuh"

// 256 threads: a multiprocessor holds several such blocks, so while one ends, others load. With
// 1,024 threads, as the published MACKO kernel has, it may hold a single one.
constexpr int WARPS = 8;
// Blocks that have to fit at least: 128 registers a thread. Without a number, and with 4, the
// compiler spilled in a variant or two for which that many are enough.
constexpr int BLOCKS = 2;

INLINE i64 row_of_warp() { return i64(blockIdx.x) * WARPS + threadIdx.x / LANES; }

/* sums += value * x[column]. Reads BATCH * sizeof(T) bytes, 16 at a time. */
template <int BATCH, typename T>
INLINE void add_product(float (&sums)[BATCH], T value, const T* x, int column) {
  const Vector<T, BATCH> xs = load<BATCH>(x + i64(column) * BATCH);
#pragma unroll
  for (int b = 0; b < BATCH; ++b) sums[b] = fmaf(wide(value), wide(xs.at[b]), sums[b]);
}

/* y[row] = the sums of all lanes. Lane 0 writes BATCH * sizeof(T) bytes. */
template <int BATCH, typename T>
INLINE void write_row(T* y, i64 row, const float (&sums)[BATCH]) {
  Vector<T, BATCH> ys;
#pragma unroll
  for (int b = 0; b < BATCH; ++b) ys.at[b] = narrow<T>(warp_sum(sums[b]));
  if (lane_of_warp() == 0) store(y + row * BATCH, ys);
}
