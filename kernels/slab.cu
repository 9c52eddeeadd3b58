/* y = A x, A in slabs of 32 rows: a lane is a row, a warp a segment of the columns.
 *
 *   slab     32 rows; their order is by length, row_order[32 slab + i] is a row of the matrix
 *   segment  ceil(cols / SEGMENTS) neighbouring columns; warp w of a block takes segment w
 *   stream   of a row in a segment: its entries (value, gap), 8 to a group; a gap is the zeros
 *            skipped, in BITS bits. A wider one is bridged by stored zeros, as in MACKO.
 *
 * The 32 streams of a slab and segment are sorted by length, the longest first. So the lanes that
 * still have a group k are the first ones, and their groups lie side by side, with no others:
 *
 *   k         0                       1                       2
 *   lane      | 0 | 1 | 2 | .. | 31 | | 0 | 1 | 2 | .. | 31 | | 0 | 1 |       lanes 2 .. are done
 *   values    16 bytes each
 *   low       4 bytes each      4 bits of each gap: byte j has entry j, then entry j + 4
 *   high      BITS 5: 1 byte    bit i: bit 4 of entry i's gap
 *             BITS 6: 2 bytes   2 bits of each gap; nibbles, lowest first, of entries (0, 4), (2, 6),
 *                               (1, 5), (3, 7)
 *
 *   offsets[slab, w]         where group 0 of lane 0 is, in groups
 *   headers[slab, w, lane]   groups of the lane's stream << 5 | its row within the slab
 *
 *   shared   | x | zeros: whole segments and a group more | 2 sets of sums, SEGMENTS * 32 each |
 *
 * No scan, no shuffle, no row that ends inside of a load. And the lanes walk the same columns at
 * nearly the same pace, so fewer of a gather's x lie in one bank than where lanes share a row.
 *
 * Blocks stay and take slabs in turn. A lane has DEPTH groups in flight; 16 warps a
 * multiprocessor, two blocks of 8 or one of 16, are 40 KiB; 21 to 29 KiB cover the latency of an
 * H200's memory. The first groups of the next slab are asked for
 * before the sums of this one meet.
 *
 * Reads 16 + BITS bits per entry once, and x once a block. One vector; 16-bit values. A group's last
 * entries may be no entries of the matrix: zeros times some x, which has to be finite.
 * Columns: as many as fit in shared memory. Entries: 2^35.
 */
#include "gather.cuh"

constexpr int DEPTH = 4;
constexpr int WARPS = 16;  // of a multiprocessor, at least

template <int BITS>
struct Plane {
  typedef u16 High;
};
template <>
struct Plane<5> {
  typedef u8 High;
};

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

/* The gaps of entries 0 to 3 and 4 to 7, a byte each. */
struct Gaps {
  u32 first, second;
};

template <int BITS>
INLINE Gaps gaps_of(const Group<BITS>& group) {
  Gaps gaps = {group.low & 0x0f0f0f0fu, group.low >> 4 & 0x0f0f0f0fu};
  if constexpr (BITS == 5) {
    // Four shifts in one product: bit i goes to bit 8 i + 4.
    gaps.first |= (group.high & 15u) * 0x02040810u & 0x10101010u;
    gaps.second |= (u32(group.high) >> 4) * 0x02040810u & 0x10101010u;
  }
  if constexpr (BITS == 6) {
    const u32 spread = u32(group.high) | u32(group.high) << 12;  // a nibble in each byte
    gaps.first |= spread << 4 & 0x30303030u;
    gaps.second |= spread << 2 & 0x30303030u;
  }
  return gaps;
}

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
struct Lane {
  u32 at;
  float even, odd;

  template <typename T, typename X, int BITS>
  INLINE void add(const Group<BITS>& group) {
    const Gaps gaps = gaps_of(group);
    at = add_four<T, X, 0>(gaps.first, at, group.values, even, odd);
    at = add_four<T, X, 4>(gaps.second, at, group.values, even, odd);
    at += u32(ENTRIES * sizeof(X));
  }
};

/* The next group, where the lane has one; `in` moves on by those of all lanes. */
template <int BITS>
INLINE void fetch(Stream<BITS>& in, Group<BITS>& group, bool has) {
  if (has) group = in.group(0);
  in.skip(__popc(__ballot_sync(ALL_LANES, has)));
}

/* Asks for DEPTH groups of each lane, then uses those asked for one call ago. With one set that
 * rotates, the compiler gathers its loads at the end of the loop, behind a wait for all of them.
 */
template <typename T, typename X, int BITS>
INLINE void step(Stream<BITS>& in, Group<BITS> (&asked)[DEPTH], const Group<BITS> (&there)[DEPTH],
                 Lane& lane) {
#pragma unroll
  for (int i = 0; i < DEPTH; ++i) asked[i] = in.group(LANES * i);
  in.skip(LANES * DEPTH);
#pragma unroll
  for (int i = 0; i < DEPTH; ++i) lane.template add<T, X, BITS>(there[i]);
}

/* All streams of a slab and segment. `groups`: of this lane; the first DEPTH of them are there. */
template <typename T, typename X, int BITS>
INLINE float sum_of(Stream<BITS>& in, Group<BITS> (&there)[DEPTH], int groups, u32 x_begin) {
  const int longest = __shfl_sync(ALL_LANES, groups, 0);
  const int shortest = __shfl_sync(ALL_LANES, groups, LANES - 1);
  Group<BITS> other[DEPTH];
  Lane lane = {x_begin, 0, 0};
  int k = 0;
  while (k + 2 * DEPTH <= shortest) {  // all lanes have those, and DEPTH more
    step<T, X>(in, other, there, lane);
    k += DEPTH;
    if (k + 2 * DEPTH > shortest) {
#pragma unroll
      for (int i = 0; i < DEPTH; ++i) there[i] = other[i];
      break;
    }
    step<T, X>(in, there, other, lane);
    k += DEPTH;
  }
  for (; k < longest; k += DEPTH) {
#pragma unroll
    for (int i = 0; i < DEPTH; ++i) {
      if (k + i < groups) lane.template add<T, X, BITS>(there[i]);
      fetch(in, there[i], k + i + DEPTH < groups);
    }
  }
  return lane.even + lane.odd;
}

/* The stream of this lane in slab `slab`, and its header; none past the last slab. */
template <int SEGMENTS, int BITS>
INLINE u32 begin(Stream<BITS>& in, Group<BITS> (&there)[DEPTH], const Stream<BITS>& all,
                 const u32* offsets, const u16* headers, i64 slab, i64 slabs) {
  u32 header = 0;
  in = all;
  if (slab < slabs) {
    const i64 unit = slab * SEGMENTS + threadIdx.x / LANES;
    const i64 at = i64(offsets[unit]) + lane_of_warp();
    header = headers[unit * LANES + lane_of_warp()];
    in.values += at;
    in.low += at;
    if constexpr (BITS > 4) in.high += at;
  }
#pragma unroll
  for (int i = 0; i < DEPTH; ++i) fetch(in, there[i], i < int(header >> 5));
  return header;
}

template <typename T, typename X, int BITS, int SEGMENTS>
__global__ void __launch_bounds__(LANES * SEGMENTS, WARPS / SEGMENTS)
    slab(const Words* __restrict__ values, const u32* __restrict__ low,
         const typename Plane<BITS>::High* __restrict__ high, const u32* __restrict__ offsets,
         const u16* __restrict__ headers, const u32* __restrict__ row_order,
         const T* __restrict__ x, T* __restrict__ y, i64 rows, int cols) {
  const int segment = (cols + SEGMENTS - 1) / SEGMENTS;
  const int room = (SEGMENTS * segment + 2 * ENTRIES - 1) / ENTRIES * ENTRIES;
  X* const here = reinterpret_cast<X*>(shared_memory());
  float* sums = reinterpret_cast<float*>(here + room);
  const int lane = lane_of_warp(), warp = threadIdx.x / LANES;
  const i64 slabs = (rows + LANES - 1) / LANES;
  const Stream<BITS> all = {values, low, high};
  Stream<BITS> in;
  Group<BITS> there[DEPTH] = {};
  i64 slab = blockIdx.x;
  u32 header = begin<SEGMENTS>(in, there, all, offsets, headers, slab, slabs);
  copy_x(here, x, cols, room);
  __syncthreads();
  const u32 x_begin = shared_address(here + segment * warp);
  bool second = false;
  while (slab < slabs) {
    const float sum = sum_of<T, X>(in, there, int(header >> 5), x_begin);
    const int row_of_slab = header & 31u;
    const i64 first = slab * LANES;
    slab += gridDim.x;
    header = begin<SEGMENTS>(in, there, all, offsets, headers, slab, slabs);
    // Two sets in turn: who is a slab ahead writes to the other one. One barrier a slab is enough.
    float* const set = sums + (second ? SEGMENTS * LANES : 0);
    set[warp * LANES + row_of_slab] = sum;
    __syncthreads();
    if (warp == 0 && first + lane < rows) {
      float total = 0;
#pragma unroll
      for (int w = 0; w < SEGMENTS; ++w) total += set[w * LANES + lane];
      y[row_order[first + lane]] = narrow<T>(total);
    }
    second = !second;
  }
}
