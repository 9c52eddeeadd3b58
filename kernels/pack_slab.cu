/* A into slabs, see slab.cu: first how many entries each row has, then the groups of all rows.
 *
 * A warp goes through a row: entries.cuh says which entries it has, groups.cuh how they are
 * written. Of a group a lane writes 16 bytes of values, 4 of `low`, BITS 5: 1 and BITS 6: 2 of
 * `high`, of the first of a share also its start.
 *
 * Where a lane's group lies follows from the groups of the slab's rows, which the host has put in
 * order between the two kernels: the group's share, its number k there, and before it
 *
 *   offsets[slab, w] + the sum over the 32 lanes l' of min(groups of l', k + (l' < l))
 *
 * Rows are taken in the order of their places in slabs, so the warps of a block write to
 * neighbouring groups.
 *
 * Reads each element twice, once in each kernel; writes each group once. The up to 3 groups between
 * those of two of a slab's warps, and starts of shares without groups, are zeros before this runs.
 * Columns: 65,536.
 */
#include "entries.cuh"
#include "groups.cuh"
#include "planes.cuh"

/* Entries of a row that are not written yet. */
struct Waiting {
  alignas(16) u16 values[ROOM];
  alignas(16) u8 codes[ROOM];

  INLINE void put(u32 entry, u16 value, int code) {
    values[entry % ROOM] = value;
    codes[entry % ROOM] = u8(code);
  }
};

INLINE bool is_empty(const Step<u16>& step) {
  u32 any = 0;
#pragma unroll
  for (int i = 0; i < AHEAD; ++i) any |= step.stored[i];
  return any == 0;
}

/* The arrays of slabs. There are 2 to the power of `row_bits` rows in a slab and of `share_bits`
 * shares in a row.
 */
template <int BITS>
struct Slabs {
  const u32* offsets;
  u16* starts;
  const u16* groups;
  u16* values;
  u32* low;
  typename Plane<BITS>::High* high;
  int row_bits, share_bits;
};

/* Where a group lies. `lane`: of the lanes of all slabs; `k`: its number in this one's share;
 * `at`: in groups.
 */
struct Spot {
  i64 lane;
  u32 k, at;
};

/* A row in its place in a slab. */
struct Place {
  i64 slab;
  u32 row, groups;  // in the slab, and of this row
  u32 of_lane;      // groups of the row that lane i of a warp of slab.cu has a share of: of lane i

  template <int BITS>
  INLINE Place(const Slabs<BITS>& slabs, i64 place) {
    const u32 rows = 1u << slabs.row_bits;
    slab = place >> slabs.row_bits;
    row = u32(place) & (rows - 1);
    of_lane = slabs.groups[(slab << slabs.row_bits) + (lane_of_warp() & (rows - 1))];
    groups = __shfl_sync(ALL_LANES, of_lane, row);
  }

  /* Of group `group`, which the row has. */
  template <int BITS>
  INLINE Spot spot(const Slabs<BITS>& slabs, u32 group) const {
    const u32 last = (1u << slabs.share_bits) - 1, each = groups >> slabs.share_bits;
    const u32 longer = groups & last, of_longer = longer * (each + 1);
    const bool in_longer = group < of_longer;
    const u32 length = each + in_longer, after = group - (in_longer ? 0 : of_longer);
    const u32 share = (in_longer ? 0 : longer) + after / length;
    const u32 thread = (share << slabs.row_bits) + row, lane = thread % LANES;
    const auto length_of = [&](u32 other) {
      const u32 all = __shfl_sync(ALL_LANES, of_lane, other);
      const u32 number = (thread - lane + other) >> slabs.row_bits;
      return (all + last - number) >> slabs.share_bits;
    };
    Spot spot = {(slab << (slabs.row_bits + slabs.share_bits)) + thread, after % length, 0};
    spot.at = slabs.offsets[spot.lane / LANES] + groups_before(spot.k, lane, length_of);
    return spot;
  }
};

/* How far a row is. */
struct Reached {
  u32 entries, written;  // entries put, groups written
  u32 columns;           // of the groups written

  INLINE u32 waiting() const { return entries - written * GROUP; }
};

/* Writes the next groups of the row, a lane each, or those that are left. All lanes come here. */
template <int BITS>
INLINE void write(const Slabs<BITS>& slabs, const Place& place, const Waiting& waiting,
                  Reached& reached) {
  __syncwarp();
  const u32 group = reached.written + lane_of_warp();
  const bool mine = group < place.groups;
  const u32 from = group * GROUP % ROOM;
  const auto values = load<GROUP>(waiting.values + from);
  const auto codes = same_bits<Gaps>(load<GROUP>(waiting.codes + from));
  const u32 columns = sum_of(codes) + GROUP;
  const u32 upto = warp_prefix_sum(columns);
  const Spot spot = place.spot(slabs, mine ? group : place.groups - 1);
  if (mine) {
    store(slabs.values + i64(spot.at) * GROUP, values);
    slabs.low[spot.at] = low_of(codes);
    if constexpr (BITS > 4) slabs.high[spot.at] = high_of<BITS>(codes);
    if (spot.k == 0) slabs.starts[spot.lane] = u16(reached.columns + upto - columns);
  }
  reached.written += LANES;
  reached.columns += __shfl_sync(ALL_LANES, upto, LANES - 1);
  __syncwarp();
}

/* Shapes: dense (rows, cols), counts (rows,). */
template <int BITS>
__global__ void __launch_bounds__(LANES * WARPS)
    count_streams(const u16* __restrict__ dense, i64* __restrict__ counts, i64 rows, int cols) {
  const i64 row = row_of_warp();
  if (row >= rows) return;  // before the first read; the whole warp leaves
  const int count = entries_of_row<1 << BITS>(dense + row * cols, cols);
  if (lane_of_warp() == 0) counts[row] = count;
}

/* Rows as `groups`, `offsets` and `row_order` say. Shapes: dense (rows, cols), others as the
 * format's.
 */
template <int BITS>
__global__ void __launch_bounds__(LANES * WARPS)
    pack_streams(const u16* __restrict__ dense, const u32* __restrict__ offsets,
                 u16* __restrict__ starts, const u16* __restrict__ groups,
                 const u32* __restrict__ row_order, u16* __restrict__ values,
                 u32* __restrict__ low, typename Plane<BITS>::High* __restrict__ high, i64 rows,
                 int cols, int row_bits, int share_bits) {
  constexpr int STRIDE = 1 << BITS;
  __shared__ Waiting of_warps[WARPS];
  const i64 number = row_of_warp();
  if (number >= rows) return;  // before the first read; the whole warp leaves
  const Slabs<BITS> slabs = {offsets, starts, groups, values, low, high, row_bits, share_bits};
  const Place place(slabs, number);
  const u16* const row = dense + i64(row_order[number]) * cols;
  Waiting& waiting = of_warps[threadIdx.x / LANES];
  const int lane = lane_of_warp();
  Reached reached = {};
  int last = -1;
  for (int base = 0; base < cols; base += LANES * AHEAD) {
    const Step<u16> step = look(row, base, cols);
    if (is_empty(step)) continue;  // all lanes alike
    // Bridges that end before the step, so that no more entries end in it than it has columns.
    for (int left = (base - 1 - last) / STRIDE; left > 0; left -= LANES) {
      const int now = min(left, LANES);
      if (lane < now) waiting.put(reached.entries + lane, 0, STRIDE - 1);
      reached.entries += now;
      last += now * STRIDE;
      if (reached.waiting() >= WRITTEN) write(slabs, place, waiting, reached);
    }
#pragma unroll
    for (int i = 0; i < AHEAD; ++i) {
      if (!step.stored[i]) continue;  // all lanes alike
      const Entries<STRIDE> entries(step.stored[i], base + LANES * i, last);
      if (lane < entries.bridges) waiting.put(reached.entries + lane, 0, STRIDE - 1);  // few
      if (entries.mine()) {
        const u32 at = reached.entries + entries.place();
        waiting.put(at, step.bits[i], entries.code());
        if (entries.mine_is_bridged()) waiting.put(at - 1, 0, STRIDE - 1);
      }
      reached.entries += entries.count();
      last = entries.last(base + LANES * i);
    }
    if (reached.waiting() >= WRITTEN) write(slabs, place, waiting, reached);
  }
  if (reached.waiting() == 0) return;
  // Zeros fill up the last group.
  if (lane < -reached.entries % GROUP) waiting.put(reached.entries + lane, 0, 0);
  write(slabs, place, waiting, reached);
}
