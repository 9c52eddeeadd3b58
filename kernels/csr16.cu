/* y = A x, A in CSR with 16-bit columns. One warp per row; plain.
 *
 * A row with a, b, c, d in columns 0, 1, 5, 25:
 *
 *   column    0    1    2  3  4    5    6 ...  25
 *   dense     a    b    .  .  .    c    .       d
 *   entry     0    1               2            3
 *   values    a    b               c            d
 *   columns   0    1               5           25      uint16
 *   lane      0    1               2            3      then entries 32 to 63, and so on
 *
 * Row r owns entries row_pointers[r] .. row_pointers[r + 1]. Nothing is padded and rows begin
 * anywhere, so an entry is loaded by itself: a warp's 32 are 64 bytes of columns and 64 of 16-bit
 * values. Wider loads would need a head and a tail per row: that is the fast kernel's business.
 *
 * Reads 32 bits per entry once (48 for float32), and x once per entry, from the cache.
 */
#include "row.cuh"

template <typename T, int BATCH, typename Pointer>
__global__ void __launch_bounds__(LANES * WARPS, BLOCKS)
    csr16(const T* __restrict__ values, const u16* __restrict__ columns,
          const Pointer* __restrict__ row_pointers, const T* __restrict__ x, T* __restrict__ y,
          i64 rows) {
  const i64 row = row_of_warp();
  if (row >= rows) return;  // before the first read; the whole warp leaves
  const i64 origin = row_pointers[row];
  const int entries = int(row_pointers[row + 1] - origin);  // 65,536 at most
  values += origin;
  columns += origin;
  float sums[BATCH] = {};
  for (int i = lane_of_warp(); i < entries; i += LANES) {
    // 2 bytes of columns, 2 or 4 of values
    add_product(sums, values[i], x, columns[i]);
  }
  write_row(y, row, sums);
}
