/* A into MACKO, see macko.cu: first how many entries a row has, then values and codes.
 *
 * A gap of g zeros costs g / 16 stored zeros with code 15, then the value with code g % 16:
 *
 *   column    0    1  ...  5  ...  31 | 32  ...  57  58 ..      the last one before: column 1
 *   stored    a    b       c          |          d              gaps 0, 0, 3, 51
 *   entries   0    1       2          |  3 4 5   6              3 bridges and d
 *
 * Of 32 columns only the first stored one may have several bridges before it, as its gap begins in
 * columns before these: the lanes write them together. Of the others one at most has a bridge, and a
 * ballot says which. So no scan is needed: an entry's place is what lies before the 32 columns, the
 * bridges of their first, and the stored columns and bridges below.
 *
 * Codes take a byte each here, as neighbours in a byte may be of two rows; the caller makes pairs of
 * them. Stored zeros and what fills up the end are zeros before this runs.
 *
 * Reads each element twice, once in each kernel; writes each value and a byte of code once.
 * Columns: below 2^31 - 256.
 */
#include "pack.cuh"

constexpr int STRIDE = 16;  // columns that an entry reaches at most

/* What 32 columns from `base` on store; `last` is the row's last stored column before them, or -1. */
struct Entries {
  u32 stored, bridged;  // columns that are stored; those with a bridge to the one before, of 32
  int bridges;          // before the first
  int gap;              // zeros before this lane's column, if it is stored

  INLINE Entries(u32 stored, int base, int last) : stored(stored) {
    const u32 before = below_lane(stored);
    const int left = before ? base + LANES - 1 - __clz(before) : last;
    gap = base + lane_of_warp() - left - 1;
    bridged = __ballot_sync(ALL_LANES, before && mine() && gap >= STRIDE);
    bridges = (base + __ffs(stored) - 1 - last - 1) / STRIDE;
  }
  INLINE bool mine() const { return stored >> lane_of_warp() & 1; }
  INLINE int count() const { return bridges + __popc(stored) + __popc(bridged); }
  /* The place of this lane's entry. */
  INLINE int place() const {
    const u32 upto = (2u << lane_of_warp()) - 1;
    return bridges + __popc(below_lane(stored)) + __popc(bridged & upto);
  }
  INLINE int last(int base) const { return base + LANES - 1 - __clz(stored); }
};

/* Shapes: dense (rows, cols), counts (rows,). */
template <typename Bits>
__global__ void __launch_bounds__(LANES * WARPS)
    count_entries(const Bits* __restrict__ dense, i64* __restrict__ counts, i64 rows, int cols) {
  const i64 row = row_of_warp();
  if (row >= rows) return;  // before the first read; the whole warp leaves
  int count = 0, last = -1;
  for (int base = 0; base < cols; base += LANES * AHEAD) {
    const Step<Bits> step = look(dense + row * cols, base, cols);
#pragma unroll
    for (int i = 0; i < AHEAD; ++i) {
      if (!step.stored[i]) continue;  // all lanes alike
      const Entries entries(step.stored[i], base + LANES * i, last);
      count += entries.count();
      last = entries.last(base + LANES * i);
    }
  }
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
      const Entries entries(step.stored[i], base + LANES * i, last);
      for (int j = lane_of_warp(); j < entries.bridges; j += LANES) codes[next + j] = STRIDE - 1;
      if (entries.mine()) {
        const i64 at = next + entries.place();
        values[at] = step.bits[i];
        codes[at] = u8(entries.gap % STRIDE);
        if (entries.bridged >> lane_of_warp() & 1) codes[at - 1] = STRIDE - 1;
      }
      next += entries.count();
      last = entries.last(base + LANES * i);
    }
  }
}
