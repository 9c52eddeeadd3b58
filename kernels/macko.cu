/* y = A x, A packed as MACKO (arXiv 2511.13061). One warp per row; the readable reference.
 *
 * A row with a, b, c, d in columns 0, 1, 5, 25:
 *
 *   column    0    1    2  3  4    5    6 ...  21  ...  25
 *   dense     a    b    .  .  .    c    .       .        d
 *   entry     0    1               2            3        4
 *   values    a    b               c            0        d      8 of them are one load of a lane
 *   deltas      0    0               3           15        3      4 bits: zeros skipped before it
 *   bytes    [  00  ]            [     f3      ]      [  03 ... hex, low nibble first
 *
 * Entry 3 is a stored zero: one nibble skips 15 columns at most. Row r owns entries
 * row_pointers[r] .. row_pointers[r + 1]; rows are not aligned to loads:
 *
 *   entries   .. 5  6  7 | 8  9 10 11 12 13 14 15 | 16 17 ..      | where a load begins
 *   row r              [ *  *  *  *  *  * ]
 *   lane      0            1                        2             7 and 14 .. are masked
 *
 * Both arrays are padded with zeros to whole loads, so the last load stays inside.
 *
 * The column of an entry is the sum of (delta + 1) over the row's entries up to it, less 1: each
 * lane adds up its 8, a scan over the warp gives what lies before them, and the last lane's total
 * is where the next 256 entries go on.
 *
 * Reads 20 bits per entry once (36 for float32), and x once per entry, from the cache.
 * Columns: below 2^31 - 512. Entries: any number, row_pointers are int or long long.
 */
#include "row.cuh"

// Entries a lane takes at a time: 4 bytes of deltas, and with 16-bit values one load of 16 bytes.
constexpr int ENTRIES = 8;

/* How far each of 8 entries is right of the one before it; 0 for entries of another row. */
INLINE int steps_of(u32 deltas, int at, int begin, int end, int (&steps)[ENTRIES]) {
  int sum = 0;
#pragma unroll
  for (int i = 0; i < ENTRIES; ++i) {
    const bool mine = at + i >= begin && at + i < end;
    steps[i] = mine ? int(deltas >> (4 * i) & 15u) + 1 : 0;
    sum += steps[i];
  }
  return sum;
}

template <typename T, int BATCH, typename Pointer>
__global__ void __launch_bounds__(LANES * WARPS, BLOCKS)
    macko(const T* __restrict__ values, const u32* __restrict__ deltas,
          const Pointer* __restrict__ row_pointers, const T* __restrict__ x, T* __restrict__ y,
          i64 rows) {
  const i64 row = row_of_warp();
  if (row >= rows) return;  // before the first read; the whole warp leaves
  // Entries count from the load in which the row begins: a row's fit 32 bits, all of them may not.
  const i64 origin = row_pointers[row] / ENTRIES * ENTRIES;
  const int begin = int(row_pointers[row] - origin), end = int(row_pointers[row + 1] - origin);
  float sums[BATCH] = {};
  int column = -1;  // of the last entry before this step
  for (int base = 0; base < end; base += LANES * ENTRIES) {
    const int at = base + ENTRIES * lane_of_warp();
    Vector<T, ENTRIES> entries = {};
    u32 codes = 0;
    if (at < end) {
      entries = load<ENTRIES>(values + origin + at);  // 16 bytes; float: twice 16
      codes = deltas[(origin + at) / ENTRIES];        // 4 bytes
    }
    int steps[ENTRIES];
    const int mine = steps_of(codes, at, begin, end, steps);
    const int upto = warp_prefix_sum(mine);
    int here = column + upto - mine;
#pragma unroll
    for (int i = 0; i < ENTRIES; ++i) {
      here += steps[i];
      // Not a product with 0: x there may be outside, or Inf.
      if (steps[i]) add_product(sums, entries.at[i], x, here);
    }
    column += __shfl_sync(ALL_LANES, upto, LANES - 1);
  }
  write_row(y, row, sums);
}
