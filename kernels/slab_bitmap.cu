/* y = A x, A in slabs: a lane is a row in a segment of the columns, a bit says what is stored.
 *
 *   slab     32, 16 or 8 rows: `rows_of_slab`, R here; their order is by length,
 *            row_order[R slab + i] is a row of the matrix
 *   lane     of a warp w: row (lane % R) in segment (w * (32 / R) + lane / R)
 *   segment  neighbouring columns, a multiple of 32, as many in each
 *   stream   of a lane: its entries, the 16-bit values in groups of 8. A bit of the lane is a
 *            column; its set bits are the columns of the entries, in their order.
 *
 * The groups of a warp lie side by side, each step's in the order of the lanes that still have one:
 *
 *   k         0                       1                       2
 *   lane      | 0 | 1 | 2 | .. | 31 | | 0 | 1 | 3 | .. | 31 | | 1 | 31 |     2 had one group, 0 two
 *   values    16 bytes each
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
 * it. The first groups of the next slab are asked for before the sums of this one meet.
 *
 * Reads 1 bit an element and 16 bits an entry once, and x once a block. One vector; 16-bit values.
 * A group's last entries may be no entries of the matrix: zeros times some x, which has to be
 * finite. Columns: as many as fit in shared memory, x and 1 bit for each of 32 lanes. Entries: 2^35.
 */
#include "gather.cuh"

constexpr int IN_WINDOW = 4;  // entries
// Entries that fill up a group may be past the segment, in the first of these words of ones; when a
// lane comes there, it reads the second.
constexpr int SPARE = 2;
constexpr int WORD_BYTES = LANES * sizeof(u32);  // from a word of a lane to its next

/* With 16 warps a multiprocessor 128 registers a thread, with 24 80, with 32 64. */
template <int WARPS>
constexpr int DEPTH_OF = 6 - WARPS / 8;

/* What a lane has reached in its stream: an address in x, the word of bits that this is in and the
 * one after it, where the next one is, and two sums.
 *
 * An entry is 32 - bit columns on. `at` goes back by `bit` only: it begins a group ENTRIES words
 * ahead, and how much of that is left is a constant, part of the load's address.
 */
template <typename X>
struct Lane {
  static constexpr u32 WORD = LANES * sizeof(X);  // bytes of x that a word of bits is for
  u32 at, now, next, ahead;
  float even, odd;

  /* The entry of the window's highest bit, entry INDEX of a group. */
  template <int INDEX, typename T>
  INLINE void add(u32& window, T value, float& sum) {
    const u32 bit = highest_bit(window);
    window = __funnelshift_r(0, window, bit);
    at -= bit * u32(sizeof(X));
    sum = fmaf(wide(value), x_at<X, LANES * (INDEX + 1 - ENTRIES) - 1>(at), sum);
  }

  /* Entries FIRST to FIRST + 3 of a group. */
  template <typename T, int FIRST>
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

  template <typename T>
  INLINE void add(const Words& values) {
    add_four<T, 0>(values);
    add_four<T, IN_WINDOW>(values);
    at += ENTRIES * WORD;
  }
};

/* This lane's next group, where it has one; `in` moves on by those of all lanes. */
INLINE void fetch(const Words*& in, Words& group, bool has) {
  const u32 all = __ballot_sync(ALL_LANES, has);
  if (has) group = stream(in + __popc(below_lane(all)));
  in += __popc(all);
}

/* Asks for DEPTH groups of each lane, then uses those asked for one call ago. With one set that
 * rotates, the compiler gathers its loads at the end of the loop, behind a wait for all of them.
 */
template <typename T, typename X, int DEPTH>
INLINE void step(const Words*& in, Words (&asked)[DEPTH], const Words (&there)[DEPTH],
                 Lane<X>& lane) {
#pragma unroll
  for (int i = 0; i < DEPTH; ++i) asked[i] = stream(in + lane_of_warp() + LANES * i);
  in += LANES * DEPTH;
#pragma unroll
  for (int i = 0; i < DEPTH; ++i) lane.template add<T>(there[i]);
}

/* All streams of a warp. `groups`: of this lane; the first DEPTH of them are there. `bits`: the
 * address of its first word.
 */
template <typename T, typename X, int DEPTH>
INLINE float sum_of(const Words*& in, Words (&there)[DEPTH], int groups, u32 x_begin, u32 bits) {
  const int longest = warp_max(groups), shortest = -warp_max(-groups);
  Words other[DEPTH];
  Lane<X> lane = {x_begin + ENTRIES * Lane<X>::WORD, shared_at<u32, 0>(bits),
                  shared_at<u32, WORD_BYTES>(bits), bits + 2 * WORD_BYTES};
  int k = 0;
  while (k + 2 * DEPTH <= shortest) {  // all lanes have those, and DEPTH more
    step<T>(in, other, there, lane);
    k += DEPTH;
    if (k + 2 * DEPTH > shortest) {
#pragma unroll
      for (int i = 0; i < DEPTH; ++i) there[i] = other[i];
      break;
    }
    step<T>(in, there, other, lane);
    k += DEPTH;
  }
  for (; k < longest; k += DEPTH) {
#pragma unroll
    for (int i = 0; i < DEPTH; ++i) {
      if (k + i < groups) lane.template add<T>(there[i]);
      fetch(in, there[i], k + i + DEPTH < groups);
    }
  }
  return lane.even + lane.odd;
}

/* The first groups of this lane in slab `slab`, and how many there are; none past the last slab. */
template <int WARPS, int DEPTH>
INLINE int begin(const Words*& in, Words (&there)[DEPTH], const Words* values, const u32* offsets,
                 const u16* counts, i64 slab, i64 slabs) {
  int groups = 0;
  if (slab < slabs) {
    const i64 unit = slab * WARPS + threadIdx.x / LANES;
    in = values + offsets[unit];
    groups = counts[unit * LANES + lane_of_warp()];
  }
#pragma unroll
  for (int i = 0; i < DEPTH; ++i) fetch(in, there[i], i < groups);
  return groups;
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
                i64 rows, int cols, int rows_of_slab, int buffers) {
  const int lane = lane_of_warp(), warp = threadIdx.x / LANES, parts = LANES / rows_of_slab;
  const int words = (cols + LANES * WARPS * parts - 1) / (LANES * WARPS * parts);
  const int room = LANES * WARPS * parts * words + ENTRIES, span = (words + SPARE) * LANES;
  const i64 slabs = (rows + rows_of_slab - 1) / rows_of_slab;
  X* const here = reinterpret_cast<X*>(shared_memory());
  u32* mine = reinterpret_cast<u32*>(here + room) + warp * span;
  u32* other = mine + (buffers - 1) * WARPS * span;

  i64 slab = blockIdx.x;
  const Words* in = values;
  Words there[DEPTH_OF<WARPS * BLOCKS>] = {};
  copy_bits<WARPS>(mine, bits, words, slab, slabs);
  int groups = begin<WARPS>(in, there, values, offsets, counts, slab, slabs);
  for (int i = words * LANES + lane; i < span; i += LANES) mine[i] = other[i] = ALL_LANES;
  copy_x(here, x, cols, room);
  __syncthreads();
  const u32 x_begin = shared_address(here + (warp * parts + lane / rows_of_slab) * LANES * words);
  while (slab < slabs) {
    const i64 first = slab * rows_of_slab;
    slab += gridDim.x;
    copy_wait();
    __syncwarp();
    if (buffers > 1) copy_bits<WARPS>(other, bits, words, slab, slabs);
    const float sum = sum_of<T, X>(in, there, groups, x_begin, shared_address(mine + lane));
    __syncwarp();
    if (buffers == 1) copy_bits<WARPS>(mine, bits, words, slab, slabs);
    groups = begin<WARPS>(in, there, values, offsets, counts, slab, slabs);
    // In the last of the spare words, whose bits nobody decodes.
    float* const sums = reinterpret_cast<float*>(mine) + span - LANES + lane;
    *sums = sum;
    __syncthreads();
    if (warp == 0) {
      float total = 0;
#pragma unroll
      for (int w = 0; w < WARPS; ++w) total += sums[w * span];
      for (int part = rows_of_slab; part < LANES; part *= 2) {
        total += __shfl_xor_sync(ALL_LANES, total, part);
      }
      if (lane < rows_of_slab && first + lane < rows) {
        y[row_order[first + lane]] = narrow<T>(total);
      }
    }
    // Who is a slab ahead has another buffer for its sum, or waits.
    if (buffers == 1) __syncthreads();
    u32* const last = mine;
    mine = other;
    other = last;
  }
}
