/* A into bitmap, see bitmap.cu: first the mask and how many values a row has, then the values.
 *
 *   columns   0 .. 31 | 32 .. 63 | ... | 224 .. 255
 *   ballot    word 0  | word 1   | ... | word 7         lane i writes word i: 32 bytes a step
 *
 * Reads each element twice, once in each kernel; writes 1 bit per element and each value once.
 * Columns: below 2^31 - 256.
 */
#include "pack.cuh"

/* Shapes: dense (rows, cols), mask (rows, ceil(cols / 64) * 2), counts (rows,). */
template <typename Bits>
__global__ void __launch_bounds__(LANES * WARPS)
    pack_mask(const Bits* __restrict__ dense, u32* __restrict__ mask, i64* __restrict__ counts,
              i64 rows, int cols) {
  const i64 row = row_of_warp();
  if (row >= rows) return;  // before the first read; the whole warp leaves
  const int lane = lane_of_warp(), words = (cols + 63) / 64 * 2;
  int count = 0;
  for (int base = 0; base < cols; base += LANES * AHEAD) {
    const Step<Bits> step = look(dense + row * cols, base, cols);
    u32 word = 0;
#pragma unroll
    for (int i = 0; i < AHEAD; ++i) {
      count += __popc(step.stored[i]);
      if (lane == i) word = step.stored[i];
    }
    const int at = base / LANES + lane;
    if (lane < AHEAD && at < words) mask[row * words + at] = word;
  }
  if (lane == 0) counts[row] = count;
}

/* values from row_pointers[row] on. */
template <typename Bits, typename Pointer>
__global__ void __launch_bounds__(LANES * WARPS)
    pack_values(const Bits* __restrict__ dense, const Pointer* __restrict__ row_pointers,
                Bits* __restrict__ values, i64 rows, int cols) {
  const i64 row = row_of_warp();
  if (row >= rows) return;  // before the first read; the whole warp leaves
  i64 next = row_pointers[row];
  for (int base = 0; base < cols; base += LANES * AHEAD) {
    const Step<Bits> step = look(dense + row * cols, base, cols);
#pragma unroll
    for (int i = 0; i < AHEAD; ++i) {
      if (is_stored(step.bits[i])) values[next + __popc(below_lane(step.stored[i]))] = step.bits[i];
      next += __popc(step.stored[i]);
    }
  }
}
