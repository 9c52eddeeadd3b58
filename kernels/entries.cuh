/* A row as entries of a value and the zeros skipped before it: what packing macko and slabs shares.
 *
 * An entry reaches STRIDE columns at most. A gap of g zeros costs g / STRIDE bridges, stored zeros
 * with code STRIDE - 1, then the value with code g % STRIDE. With 16:
 *
 *   column    0    1  ...  5  ...  31 | 32  ...  57  58 ..      the last one before: column 1
 *   stored    a    b       c          |          d              gaps 0, 0, 3, 51
 *   entries   0    1       2          |  3 4 5   6              3 bridges and d
 *
 * Of 32 columns only the first stored one may have several bridges before it, as its gap begins in
 * columns before these. Of the others one at most has a bridge, and a ballot says which. So no scan
 * is needed: an entry's place is what lies before the 32 columns, the bridges of their first, and
 * the stored columns and bridges below.
 */
#pragma once
#include "pack.cuh"

/* What 32 columns from `base` on store; `last` is the row's last stored column before, or -1. */
template <int STRIDE>
struct Entries {
  u32 stored, bridged;  // columns that are stored; those with a bridge to the one before, of 32
  int bridges;          // before the first
  int gap;              // zeros before this lane's column, if it is stored

  INLINE Entries(u32 stored, int base, int last) : stored(stored), bridged(0) {
    const u32 before = below_lane(stored);
    const int left = before ? base + LANES - 1 - __clz(before) : last;
    gap = base + lane_of_warp() - left - 1;
    if (STRIDE < LANES) bridged = __ballot_sync(ALL_LANES, before && mine() && gap >= STRIDE);
    bridges = (base + __ffs(stored) - 1 - last - 1) / STRIDE;
  }
  INLINE bool mine() const { return stored >> lane_of_warp() & 1; }
  INLINE bool mine_is_bridged() const { return bridged >> lane_of_warp() & 1; }
  INLINE int count() const { return bridges + __popc(stored) + __popc(bridged); }
  /* The place of this lane's entry. */
  INLINE int place() const {
    const u32 upto = (2u << lane_of_warp()) - 1;
    return bridges + __popc(below_lane(stored)) + __popc(bridged & upto);
  }
  INLINE int code() const { return gap % STRIDE; }
  INLINE int last(int base) const { return base + LANES - 1 - __clz(stored); }
};

/* How many entries a row has. */
template <int STRIDE, typename Bits>
INLINE int entries_of_row(const Bits* row, int cols) {
  int count = 0, last = -1;
  for (int base = 0; base < cols; base += LANES * AHEAD) {
    const Step<Bits> step = look(row, base, cols);
#pragma unroll
    for (int i = 0; i < AHEAD; ++i) {
      if (!step.stored[i]) continue;  // all lanes alike
      const Entries<STRIDE> entries(step.stored[i], base + LANES * i, last);
      count += entries.count();
      last = entries.last(base + LANES * i);
    }
  }
  return count;
}
