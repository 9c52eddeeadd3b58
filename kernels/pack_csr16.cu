/* A into CSR with 16-bit columns, see csr16.cu: first how many entries a row has, then the entries.
 *
 *   column    0  1  2  3  4  5 ...           ballot    1 1 0 0 0 1 ...
 *   lane      0  1           5               below     0 1       2       entry of the row
 *
 * Reads each element twice, once in each kernel; writes each value and column once.
 */
#include "pack.cuh"

/* Shapes: dense (rows, cols), counts (rows,). */
template <typename Bits>
__global__ void __launch_bounds__(LANES * WARPS)
    count_stored(const Bits* __restrict__ dense, i64* __restrict__ counts, i64 rows, int cols) {
  const i64 row = row_of_warp();
  if (row >= rows) return;  // before the first read; the whole warp leaves
  int count = 0;
  for (int base = 0; base < cols; base += LANES * AHEAD) {
    const Step<Bits> step = look(dense + row * cols, base, cols);
#pragma unroll
    for (int i = 0; i < AHEAD; ++i) count += __popc(step.stored[i]);
  }
  if (lane_of_warp() == 0) counts[row] = count;
}

/* Entries from row_pointers[row] on. */
template <typename Bits, typename Pointer>
__global__ void __launch_bounds__(LANES * WARPS)
    pack_entries(const Bits* __restrict__ dense, const Pointer* __restrict__ row_pointers,
                 Bits* __restrict__ values, u16* __restrict__ columns, i64 rows, int cols) {
  const i64 row = row_of_warp();
  if (row >= rows) return;  // before the first read; the whole warp leaves
  i64 next = row_pointers[row];
  for (int base = 0; base < cols; base += LANES * AHEAD) {
    const Step<Bits> step = look(dense + row * cols, base, cols);
#pragma unroll
    for (int i = 0; i < AHEAD; ++i) {
      if (is_stored(step.bits[i])) {
        const i64 at = next + __popc(below_lane(step.stored[i]));
        values[at] = step.bits[i];
        columns[at] = u16(base + LANES * i + lane_of_warp());
      }
      next += __popc(step.stored[i]);
    }
  }
}
