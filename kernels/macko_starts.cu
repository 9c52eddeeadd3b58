/* The columns where the parts of MACKO's rows start, see parts.cuh. One warp per row.
 *
 *   block 0                      block 1
 *   warp 0   warp 1 ... warp 7   warp 0 ...
 *   row 0    row 1      row 7    row 8  ...
 *
 * A warp sums the deltas of a part, and an entry each, and so knows where the next part starts.
 * Runs once, when a product is planned. Reads deltas once; writes 4 bytes a part.
 */
#include "parts.cuh"
#include "row.cuh"

/* Shapes: starts (rows, 2^halvings). What the last part sums nobody needs. */
template <typename Pointer>
__global__ void __launch_bounds__(LANES * WARPS)
    macko_starts(const u32* __restrict__ deltas, const Pointer* __restrict__ row_pointers,
                 int* __restrict__ starts, i64 rows, int halvings) {
  typedef typename Unsigned<Pointer>::Index Index;
  const i64 row = row_of_warp();
  if (row >= rows) return;  // before the first read; the whole warp leaves
  const Row<Index> whole = row_at<Index>(row_pointers, row, rows);
  const u32 of_row = ALL_LANES << (4 * int(whole.begin % ENTRIES));  // in the row's first group
  int start = whole.start;
  for (int part = 0; part < 1 << halvings; ++part) {
    if (lane_of_warp() == 0) starts[(row << halvings) + part] = start;
    const Row<Index> here = part_of(whole, part, halvings);
    int columns = 0;
    for (Index group = here.group + lane_of_warp(); group < here.groups_end; group += LANES) {
      const u32 kept = group == whole.group ? of_row : ALL_LANES;
      columns += ENTRIES + int(Sums(deltas[group] & kept).all());
    }
    start += warp_sum(columns);
  }
}
