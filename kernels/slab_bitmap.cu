/* y = A x, A in slabs: a lane is a row in a segment of the columns, a bit says what is stored.
 *
 *   slab     R = 2^row_bits rows, 32, 16 or 8, by length: row_order[R slab + i] is a row of the
 *            matrix
 *   lane     of a warp w: row (lane % R) in segment (w * (32 / R) + lane / R)
 *   segment  neighbouring columns, a multiple of 32, as many in each
 *   stream   of a lane: its entries, the 16-bit values in groups of 8. A bit of the lane is a
 *            column; its set bits are the columns of the entries, in their order.
 *
 * Groups lie as streams.cuh says, 16 bytes of values each.
 *
 *   bits[slab, w, j, lane]   columns 32 j to 32 j + 31 of the lane's segment, the highest bit first
 *   offsets[slab, w]         where group 0 of the first lane that has one is, in groups
 *   counts[slab, w, lane]    groups of the lane's stream
 *
 * Four entries are decoded from one window of 32 bits that begins behind the entry before them. The
 * packer sees to it that they lie in there: where they would not, it stores a zero.
 *
 *   window   0 0 1 0 1 ...   the highest set bit is number 29: 32 - 29 = 3 columns on
 *            0 1 ...         shifted by as many: the bit is gone
 *
 * A lane's place in x says where its window is, as x and bits both begin at multiples of 32: no
 * other counter is kept.
 *
 *   shared   | x, zeros: whole segments and a group more | `buffers` times: bits of warp 0, SPARE
 *            words of ones for each lane, bits of warp 1 ... |
 *
 * Blocks stay and take slabs in turn. A lane has DEPTH groups in flight: the fewer, the more warps
 * a multiprocessor has. `buffers` 2: the bits of the next slab are copied during this one; 1: after
 * it. The places of the next slab are asked for before this one's groups are used, its first groups
 * before this one's sums meet.
 *
 * Reads 1 bit an element and 16 bits an entry once, and x once a block. One vector; 16-bit values.
 * A group's last entries may be no entries of the matrix: zeros times some x, which has to be
 * finite. Columns: as many as fit in shared memory, x and 1 bit for each of 32 lanes. Entries: 2^35.
 */
#include "streams.cuh"

constexpr int IN_WINDOW = 4;  // entries
// Entries that fill up a group may be past the segment, in the first of these words of ones; when a
// lane comes there, it reads the second.
constexpr int SPARE = 2;
constexpr int WORD_BYTES = LANES * sizeof(u32);  // from a word of a lane to its next

/* Where this lane's next group is. */
struct Stream {
  const Words* at;
  INLINE Words group(int ahead) const { return stream(at + ahead); }
  INLINE void skip(int groups) { at += groups; }
};

/* What a lane has reached in its stream: an address in x, the word of bits that this is in and the
 * one after it, where the next one is, and two sums.
 *
 * An entry is 32 - bit columns on. `at` goes back by `bit` only: it begins a group ENTRIES words
 * ahead, and how much of that is left is a constant, part of the load's address.
 */
template <typename T, typename X>
struct Lane {
  static constexpr u32 WORD = LANES * sizeof(X);  // bytes of x that a word of bits is for
  u32 at, now, next, ahead;
  float even, odd;

  /* The entry of the window's highest bit, entry INDEX of a group. */
  template <int INDEX>
  INLINE void add(u32& window, T value, float& sum) {
    const u32 bit = highest_bit(window);
    window = __funnelshift_r(0, window, bit);
    at -= bit * u32(sizeof(X));
    sum = fmaf(wide(value), x_at<X, LANES * (INDEX + 1 - ENTRIES) - 1>(at), sum);
  }

  /* Entries FIRST to FIRST + 3 of a group. */
  template <int FIRST>
  INLINE void add_four(const Words& values) {
    const auto two = same_bits<Vector<T, 2>>(values.at[FIRST / 2]);
    const auto more = same_bits<Vector<T, 2>>(values.at[FIRST / 2 + 1]);
    const u32 before = at;
    u32 window = __funnelshift_l(next, now, at / u32(sizeof(X)));
    add<FIRST>(window, two.at[0], even);
    add<FIRST + 1>(window, two.at[1], odd);
    add<FIRST + 2>(window, more.at[0], even);
    add<FIRST + 3>(window, more.at[1], odd);
    // Up to 32 columns on: at most into the next word. Four WORDs more are not in this bit.
    next_word<WORD_BYTES>((before ^ at) & WORD, now, next, ahead);
  }

  INLINE void add(const Words& values) {
    add_four<0>(values);
    add_four<IN_WINDOW>(values);
    at += ENTRIES * WORD;
  }
};

/* At the beginning of its stream. `bits`: the address of its first word. */
template <typename T, typename X>
INLINE Lane<T, X> lane_at(u32 x_begin, u32 bits) {
  return {x_begin + ENTRIES * Lane<T, X>::WORD, shared_at<u32, 0>(bits),
          shared_at<u32, WORD_BYTES>(bits), bits + 2 * WORD_BYTES};
}

/* Where the streams of a slab are. */
struct Sides {
  const u32* offsets;
  const u16* counts;
};

/* What this lane has of a slab: `groups` from `offset` on. */
struct Place {
  u32 offset;
  int groups;
};

/* Of slab `slab`, which has 2 to the power of `row_bits` rows; an empty one past the last. */
template <int WARPS>
INLINE Place place_of(const Sides& sides, i64 slab, i64 rows, int row_bits) {
  Place place = {};
  if (slab << row_bits >= rows) return place;
  const i64 warp = slab * WARPS + threadIdx.x / LANES;
  place.offset = sides.offsets[warp];
  place.groups = sides.counts[warp * LANES + lane_of_warp()];
  return place;
}

/* Asks for the bits of this warp in slab `slab`: `words` for each lane. None past the last slab. */
template <int WARPS>
INLINE void copy_bits(u32* to, const u32* bits, int words, i64 slab, i64 slabs) {
  if (slab >= slabs) return;
  const u32* const from = bits + (slab * WARPS + threadIdx.x / LANES) * words * LANES;
  for (int i = 4 * lane_of_warp(); i < words * LANES; i += 4 * LANES) copy_async(to + i, from + i);
}

template <typename T, typename X, int WARPS, int BLOCKS>
__global__ void __launch_bounds__(LANES * WARPS, BLOCKS)
    slab_bitmap(const Words* __restrict__ values, const u32* __restrict__ bits,
                const u32* __restrict__ offsets, const u16* __restrict__ counts,
                const u32* __restrict__ row_order, const T* __restrict__ x, T* __restrict__ y,
                i64 rows, int cols, int row_bits, int buffers) {
  constexpr int DEPTH = depth<WARPS * BLOCKS>;
  const int lane = lane_of_warp(), warp = threadIdx.x / LANES, segments = WARPS * LANES >> row_bits;
  const int words = (cols + LANES * segments - 1) / (LANES * segments);
  const int room = LANES * segments * words + ENTRIES, span = (words + SPARE) * LANES;
  const i64 slabs = (rows + (1 << row_bits) - 1) >> row_bits;
  const Sides sides = {offsets, counts};
  X* const in_shared = reinterpret_cast<X*>(shared_memory());
  u32* mine = reinterpret_cast<u32*>(in_shared + room) + warp * span;
  u32* other = mine + (buffers - 1) * WARPS * span;

  i64 slab = blockIdx.x;
  Words there[DEPTH] = {};
  Place place = place_of<WARPS>(sides, slab, rows, row_bits);
  copy_bits<WARPS>(mine, bits, words, slab, slabs);
  for (int i = words * LANES + lane; i < span; i += LANES) mine[i] = other[i] = ALL_LANES;
  copy_x(in_shared, x, cols, room);  // before the groups, which wait for their places
  Stream in = {values + place.offset + lane};
  fetch_first(in, there, place.groups);
  __syncthreads();
  const u32 x_begin = shared_address(in_shared + (threadIdx.x >> row_bits) * LANES * words);
  while (slab < slabs) {
    const i64 first = slab << row_bits;
    slab += gridDim.x;
    const u32 row = row_to_write(row_order, first, rows);
    const Place next = place_of<WARPS>(sides, slab, rows, row_bits);
    copy_wait();
    __syncwarp();
    if (buffers > 1) copy_bits<WARPS>(other, bits, words, slab, slabs);
    Lane<T, X> here = lane_at<T, X>(x_begin, shared_address(mine + lane));
    add_all(in, there, here, place.groups, -warp_max(-place.groups), warp_max(place.groups));
    __syncwarp();
    if (buffers == 1) copy_bits<WARPS>(mine, bits, words, slab, slabs);
    in = {values + next.offset + lane};
    fetch_first(in, there, next.groups);
    // In the last of the spare words, whose bits nobody decodes.
    float* const sums = reinterpret_cast<float*>(mine) + span - LANES + lane;
    *sums = here.even + here.odd;
    __syncthreads();
    if (warp == 0) {
      float total = 0;
#pragma unroll
      for (int w = 0; w < WARPS; ++w) total += sums[w * span];
      write_rows(y, row, first + lane < rows, total, row_bits);
    }
    // Who is a slab ahead has another buffer for its sum, or waits.
    if (buffers == 1) __syncthreads();
    u32* const last = mine;
    mine = other;
    other = last;
    place = next;
  }
}
