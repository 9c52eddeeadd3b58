/* y = A x, A in slabs of rows: a lane has one of the equal shares of a row's entries.
 *
 *   slab     ROWS = 32 rows, or 16 or 8 where there are few, by length: row_order[ROWS slab + i] is
 *            a row of the matrix
 *   stream   of a row: its entries (value, gap), 8 to a group; a gap is the zeros skipped, in BITS
 *            bits. A wider one is bridged by stored zeros, as in MACKO.
 *   share    of a stream: as many groups as any other, or one more in the first shares. Thread
 *            ROWS s + i of a block takes share s of row i.
 *
 * Groups lie as streams.cuh says:
 *
 *   values    16 bytes each
 *   low       4 bytes each      planes.cuh
 *   high      BITS 5: 1 byte, BITS 6: 2 bytes
 *
 *   offsets[slab, w]         where group 0 of lane 0 is, in groups
 *   starts[slab, w, lane]    the column from which the share's first gap counts
 *   groups[ROWS slab + i]    groups of row i; lane 0 has the most of its warp, lane 31 the fewest
 *
 *   shared   | x | zeros: a group | 2 sets of sums, 32 a warp each |
 *
 * No scan, no shuffle in the loop, no row that ends inside of a load. The lanes of a warp walk nearly
 * the same columns at nearly the same pace, so fewer of a gather's x lie in one bank than where
 * lanes share a stretch of a row. All warps of a block are done at the same time.
 *
 * Blocks stay and take slabs in turn. A lane has `depth` groups in flight, fewer where a multiprocessor
 * has more warps: always 40 KiB or nearly; 21 to 29 KiB cover the latency of an H200's memory. The
 * places of the next slab are asked for before this one's groups are used, its first groups before
 * this one's sums meet.
 *
 * Reads 16 + BITS bits per entry once, and x once a block. One vector; 16-bit values. A group's last
 * entries may be no entries of the matrix: zeros times some x, which has to be finite.
 * Columns: 65,536, or as many as fit in shared memory. Entries: 2^35.
 */
#include "planes.cuh"
#include "streams.cuh"

template <int BITS>
struct Group {
  Words values;
  u32 low;
  typename Plane<BITS>::High high;
};

/* Where this lane's next group is. */
template <int BITS>
struct Stream {
  const Words* values;
  const u32* low;
  const typename Plane<BITS>::High* high;

  INLINE Group<BITS> group(int ahead) const {
    Group<BITS> found;
    found.values = stream(values + ahead);
    found.low = stream(low + ahead);
    if constexpr (BITS > 4) found.high = stream(high + ahead);
    return found;
  }
  INLINE void skip(int groups) {
    values += groups;
    low += groups;
    if constexpr (BITS > 4) high += groups;
  }
};

/* Entries FIRST to FIRST + 3 of a group. Gives the address of the last, less what x_at adds. */
template <typename T, typename X, int FIRST>
INLINE u32 add_four(u32 gaps, u32 at, const Words& values, float& even, float& odd) {
  const u32 sums = gaps * EVERY_BYTE;
  const u32 a = address_of<X, 0>(sums, at), b = address_of<X, 1>(sums, at);
  const u32 c = address_of<X, 2>(sums, at), d = address_of<X, 3>(sums, at);
  const auto two = same_bits<Vector<T, 2>>(values.at[FIRST / 2]);
  const auto more = same_bits<Vector<T, 2>>(values.at[FIRST / 2 + 1]);
  const float of_a = x_at<X, FIRST>(a), of_b = x_at<X, FIRST + 1>(b);
  const float of_c = x_at<X, FIRST + 2>(c), of_d = x_at<X, FIRST + 3>(d);
  even = fmaf(wide(two.at[0]), of_a, even);
  odd = fmaf(wide(two.at[1]), of_b, odd);
  even = fmaf(wide(more.at[0]), of_c, even);
  odd = fmaf(wide(more.at[1]), of_d, odd);
  return d;
}

/* What a lane has reached in its stream: an address in x, and two sums. */
template <typename T, typename X, int BITS>
struct Lane {
  u32 at;
  float even, odd;

  INLINE void add(const Group<BITS>& group) {
    const Gaps gaps = gaps_of<BITS>(group.low, group.high);
    at = add_four<T, X, 0>(gaps.first, at, group.values, even, odd);
    at = add_four<T, X, 4>(gaps.second, at, group.values, even, odd);
    at += u32(ENTRIES * sizeof(X));
  }
};

/* Where the shares of a slab are. */
struct Sides {
  const u32* offsets;
  const u16* starts;
  const u16* groups;
};

/* What this lane has of a slab: `groups` from `offset` on, from column `start`. */
struct Share {
  u32 offset;
  int start, groups;
};

/* Of slab `slab`, which has 2 to the power of `row_bits` rows; an empty one past the last. */
template <int WARPS>
INLINE Share share_of(const Sides& sides, i64 slab, i64 rows, int row_bits) {
  const i64 first = slab << row_bits;
  Share share = {};
  if (first >= rows) return share;
  const i64 warp = slab * WARPS + threadIdx.x / LANES;
  const i64 place = first + (lane_of_warp() & ((1 << row_bits) - 1));
  share.offset = sides.offsets[warp];
  share.start = sides.starts[warp * LANES + lane_of_warp()];
  const u32 all = sides.groups[place], shares = u32(WARPS * LANES) >> row_bits;
  const u32 number = threadIdx.x >> row_bits;
  share.groups = int((all + shares - 1 - number) >> __popc(shares - 1));  // a power of two
  return share;
}

template <int BITS>
INLINE Stream<BITS> stream_of(const Stream<BITS>& all, const Share& share) {
  const i64 at = i64(share.offset) + lane_of_warp();
  return {all.values + at, all.low + at, BITS > 4 ? all.high + at : all.high};
}

/* BLOCKS: that a multiprocessor has registers for. */
template <typename T, typename X, int BITS, int WARPS, int BLOCKS>
__global__ void __launch_bounds__(LANES * WARPS, BLOCKS)
    slab(const Words* __restrict__ values, const u32* __restrict__ low,
         const typename Plane<BITS>::High* __restrict__ high, const u32* __restrict__ offsets,
         const u16* __restrict__ starts, const u16* __restrict__ groups,
         const u32* __restrict__ row_order, const T* __restrict__ x, T* __restrict__ y, i64 rows,
         int cols, int row_bits) {
  constexpr int DEPTH = depth<WARPS * BLOCKS>;
  const int room = (cols + 2 * ENTRIES - 2) / ENTRIES * ENTRIES;
  X* const in_shared = reinterpret_cast<X*>(shared_memory());
  float* sums = reinterpret_cast<float*>(in_shared + room);
  const int lane = lane_of_warp(), warp = threadIdx.x / LANES;
  const Stream<BITS> all = {values, low, high};
  const Sides sides = {offsets, starts, groups};
  Group<BITS> there[DEPTH] = {};
  i64 slab = blockIdx.x;
  Share share = share_of<WARPS>(sides, slab, rows, row_bits);
  copy_x(in_shared, x, cols, room);  // before the groups, which wait for their places
  Stream<BITS> in = stream_of(all, share);
  fetch_first(in, there, share.groups);
  __syncthreads();
  const u32 x_begin = shared_address(in_shared);
  bool second = false;
  while (slab << row_bits < rows) {
    const i64 first = slab << row_bits;
    slab += gridDim.x;
    const u32 row = row_to_write(row_order, first, rows);
    const Share next = share_of<WARPS>(sides, slab, rows, row_bits);
    const int longest = __shfl_sync(ALL_LANES, share.groups, 0);
    const int shortest = __shfl_sync(ALL_LANES, share.groups, LANES - 1);
    Lane<T, X, BITS> here = {x_begin + u32(sizeof(X)) * u32(share.start), 0, 0};
    add_all(in, there, here, share.groups, shortest, longest);
    in = stream_of(all, next);
    fetch_first(in, there, next.groups);
    // Two sets in turn: who is a slab ahead writes to the other one. One barrier a slab is enough.
    float* const set = sums + (second ? WARPS * LANES : 0);
    set[threadIdx.x] = here.even + here.odd;
    __syncthreads();
    if (warp == 0) {
      float total = 0;
#pragma unroll
      for (int w = 0; w < WARPS; ++w) total += set[w * LANES + lane];
      write_rows(y, row, first + lane < rows, total, row_bits);
    }
    second = !second;
    share = next;
  }
}
