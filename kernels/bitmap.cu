/* y = A x, A as one bit per element and the stored values in order. One warp per row; plain.
 *
 * A row with a, b, c, d in columns 0, 1, 5, 25:
 *
 *   column    0    1    2  3  4    5    6 ...  25  ...  31
 *   dense     a    b    .  .  .    c    .       d        .
 *   bit       1    1    0  0  0    1    0       1        0
 *   lane      0    1    2  3  4    5    6      25       31     one column each
 *   below     0    1    2  2  2    2    3       3        4     set bits in lower columns
 *   value     a    b               c            d              row's first value + below
 *
 * A row has ceil(cols / 64) words of 64 bits, read here as twice as many of 32: column 32 w + j is
 * bit j of word w. Bits past the last column are 0, so x is not read there. The warp loads 32 words
 * at a time and goes through them one after the other; a lane finds its value by counting the bits
 * below its own.
 *
 *   words     | w 0 | w 1 | ... | w 31 |      lane i loads word i; each in turn goes to all lanes
 *   columns   0 ..31 32..63       ..1023
 *
 * Reads 1 bit per element and B per stored value once, and x once per stored value.
 * A population count per element is what limits it: docs/gpu-kernels.md.
 */
#include "row.cuh"

template <typename T, int BATCH, typename Pointer>
__global__ void __launch_bounds__(LANES * WARPS, BLOCKS)
    bitmap(const u32* __restrict__ mask, const T* __restrict__ values,
           const Pointer* __restrict__ row_pointers, const T* __restrict__ x, T* __restrict__ y,
           i64 rows, int cols) {
  const i64 row = row_of_warp();
  if (row >= rows) return;  // before the first read; the whole warp leaves
  const int lane = lane_of_warp(), words = (cols + 63) / 64 * 2;
  const u32* bits_of_row = mask + row * words;
  const u32 below = (1u << lane) - 1;
  i64 next = row_pointers[row];  // the value of the first set bit from here on
  float sums[BATCH] = {};
  for (int base = 0; base < words; base += LANES) {
    const u32 loaded = base + lane < words ? bits_of_row[base + lane] : 0;  // 4 bytes
    for (int w = 0; w < LANES && base + w < words; ++w) {
      const u32 bits = __shfl_sync(ALL_LANES, loaded, w);
      if (bits >> lane & 1) {
        // 2 or 4 bytes, next to those of the neighbouring lanes
        const T value = values[next + __popc(bits & below)];
        add_product(sums, value, x, LANES * (base + w) + lane);
      }
      next += __popc(bits);
    }
  }
  write_row(y, row, sums);
}
