/* A into MACKO, see macko.cu: first how many entries a row has, then values and codes; entries.cuh
 * draws where they go. Bridges before the first of 32 columns the lanes write together.
 *
 * Codes take a byte each here, as neighbours in a byte may be of two rows; the caller makes pairs of
 * them. Stored zeros and what fills up the end are zeros before this runs.
 *
 * Reads each element twice, once in each kernel; writes each value and a byte of code once.
 * Columns: below 2^31 - 256.
 */
#include "entries.cuh"

constexpr int STRIDE = 16;  // columns that an entry reaches at most

/* Shapes: dense (rows, cols), counts (rows,). */
template <typename Bits>
__global__ void __launch_bounds__(LANES * WARPS)
    count_entries(const Bits* __restrict__ dense, i64* __restrict__ counts, i64 rows, int cols) {
  const i64 row = row_of_warp();
  if (row >= rows) return;  // before the first read; the whole warp leaves
  const int count = entries_of_row<STRIDE>(dense + row * cols, cols);
  if (lane_of_warp() == 0) counts[row] = count;
}

/* Entries from row_pointers[row] on. */
template <typename Bits, typename Pointer>
__global__ void __launch_bounds__(LANES * WARPS)
    pack_gaps(const Bits* __restrict__ dense, const Pointer* __restrict__ row_pointers,
              Bits* __restrict__ values, u8* __restrict__ codes, i64 rows, int cols) {
  const i64 row = row_of_warp();
  if (row >= rows) return;  // before the first read; the whole warp leaves
  i64 next = row_pointers[row];
  int last = -1;
  for (int base = 0; base < cols; base += LANES * AHEAD) {
    const Step<Bits> step = look(dense + row * cols, base, cols);
#pragma unroll
    for (int i = 0; i < AHEAD; ++i) {
      if (!step.stored[i]) continue;  // all lanes alike
      const Entries<STRIDE> entries(step.stored[i], base + LANES * i, last);
      for (int j = lane_of_warp(); j < entries.bridges; j += LANES) codes[next + j] = STRIDE - 1;
      if (entries.mine()) {
        const i64 at = next + entries.place();
        values[at] = step.bits[i];
        codes[at] = u8(entries.code());
        if (entries.mine_is_bridged()) codes[at - 1] = STRIDE - 1;
      }
      next += entries.count();
      last = entries.last(base + LANES * i);
    }
  }
}
