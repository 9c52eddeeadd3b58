/* y = A x, A packed as MACKO: the bytes that macko.cu reads and draws, in fewer instructions.
 * macko_fast: a warp has whole rows. macko_fast_split: a row's parts go to neighbouring warps.
 *
 *   step     512 entries of a row: 64 groups of 8, two for each lane
 *   group    g    g+1 ...  g+31 | g+32  ...  g+63      16 bytes of values, 4 of deltas
 *   lane     0    1        31   | 0          31
 *            <----- near -----> | <----- far ---->
 *
 *   shared   | 8 zeros | x[0] ... x[cols-1] | 520 zeros |      split: 2 sets of 32 sums before it
 *
 * Deltas of a group are 8 nibbles; as bytes, the odd and the even ones:
 *
 *   even     d0        d2        d4        d6
 *   odd      d1        d3        d5        d7
 *   sums     d0+d1     d0+..+d3  ..        d0+..+d7     (even + odd) * 0x01010101: up to odd ones
 *   - odd    d0        d0+d1+d2  ..                     up to even ones
 *
 * The last byte is the group's sum. Those of both groups go through one scan over the warp, 16 bits
 * each: 32 groups sum to 3,840 at most. gather.cuh turns sums into addresses in x.
 *
 * A row begins and ends inside of a group. Only in its first and its last step are entries of other
 * rows made zero, value and delta; so a lane may point up to 8 elements before x and up to 512 after
 * it, which is what the zeros are for. No column is compared with anything.
 *
 * Blocks stay: x is copied once a block, then its warps take a row in turn. The loads of the next
 * step, or of the warp's next row, are under way during a step: 32 warps of 1,280 bytes, 40 KiB a
 * multiprocessor; 21 to 29 KiB cover the latency of an H200's memory.
 *
 * Few rows would leave most warps idle. Split, a warp takes a part of a row (parts.cuh); with 4:
 *
 *   warp     0        1        2        3      |  4        5        6        7      |  8 ...
 *   takes    part 0   part 1   part 2   part 3 |  part 0   part 1   part 2   part 3 |  ...
 *            of a row                          |  of the block's next row           |
 *
 * Their sums meet in shared memory, with one barrier a round. In which column a part starts says an
 * index, made when the product is planned (macko_starts.cu). The bytes of A stay as they are.
 *
 * Reads 20 bits per entry once, split 4 bytes a part, and x once a block. One vector; 16-bit
 * values. With Inf or NaN in x a zero that stands for an entry of another row may make a NaN: x has
 * to be finite.
 * Columns: as many as fit in shared memory. Entries: any number.
 */
#include "parts.cuh"

constexpr int THREADS = 1024;
constexpr int WARPS = THREADS / LANES;
constexpr int BEFORE = ENTRIES;
constexpr int AFTER = GROUPS * ENTRIES + ENTRIES;

struct Group {
  Words values;
  u32 deltas;
};

struct Pair {
  Group near, far;
};

/* Groups from `end` on are zeros, and not read. */
template <typename Index>
INLINE Pair fetch(const Words* values, const u32* deltas, Index group, Index end) {
  Pair pair = {};
  if (group < end) pair.near = {stream(values + group), stream(deltas + group)};
  group += LANES;
  if (group < end) pair.far = {stream(values + group), stream(deltas + group)};
  return pair;
}

/* Two values of 16 bits, of which `kept` has a nibble each. */
INLINE u32 kept_values(u32 values, u32 kept) {
  return values & ((kept & 0x0fu ? 0xffffu : 0u) | (kept & 0xf0u ? 0xffff0000u : 0u));
}

/* Zeros for entries of the group from `first` on that are not in the row. */
template <typename Index>
INLINE void keep_row(Group& group, Index first, const Row<Index>& row) {
  // Both fit 32 bits: a row has fewer entries than 2^31.
  const int skip = max(int(row.begin - first), 0), stop = min(int(row.end - first), ENTRIES);
  if (skip == 0 && stop == ENTRIES) return;
  const bool none = skip >= ENTRIES || stop <= 0;
  const u32 kept = none ? 0u : ALL_LANES << (4 * skip) & ALL_LANES >> (32 - 4 * stop);
  group.deltas &= kept;
#pragma unroll
  for (int i = 0; i < 4; ++i) group.values.at[i] = kept_values(group.values.at[i], kept >> (8 * i));
}

/* Entries 2 I and 2 I + 1 of a group. */
template <typename T, typename X, int I>
INLINE void add_two(const Sums& sums, const Words& values, u32 base, float& even, float& odd) {
  const auto two = same_bits<Vector<T, 2>>(values.at[I]);
  const float here = x_at<X, 2 * I>(address_of<X, I>(sums.upto_even(), base));
  const float next = x_at<X, 2 * I + 1>(address_of<X, I>(sums.upto_odd, base));
  even = fmaf(wide(two.at[0]), here, even);
  odd = fmaf(wide(two.at[1]), next, odd);
}

template <typename T, typename X>
INLINE void add_group(const Sums& sums, const Words& values, u32 base, float& even, float& odd) {
  add_two<T, X, 0>(sums, values, base, even, odd);
  add_two<T, X, 1>(sums, values, base, even, odd);
  add_two<T, X, 2>(sums, values, base, even, odd);
  add_two<T, X, 3>(sums, values, base, even, odd);
}

/* One step. `at`: the address in x of the step's first entry if its delta is 0; then the next's. */
template <typename T, typename X>
INLINE void add_step(const Pair& pair, u32& at, float (&parts)[4]) {
  constexpr u32 HALF = LANES * ENTRIES * sizeof(X);  // columns of entries themselves, without gaps
  const Sums near(pair.near.deltas), far(pair.far.deltas);
  const u32 own = near.all() | far.all() << 16;
  u32 upto = own;
#pragma unroll
  for (int by = 1; by < LANES; by *= 2) upto = add_from_below(upto, by);
  const u32 total = __shfl_sync(ALL_LANES, upto, LANES - 1), below = upto - own;
  const u32 middle = at + u32(sizeof(X)) * (total & 0xffffu) + HALF;
  const u32 lane = u32(lane_of_warp() * ENTRIES * sizeof(X));
  add_group<T, X>(near, pair.near.values, at + lane + u32(sizeof(X)) * (below & 0xffffu), parts[0],
                  parts[1]);
  add_group<T, X>(far, pair.far.values, middle + lane + u32(sizeof(X)) * (below >> 16), parts[2],
                  parts[3]);
  at = middle + u32(sizeof(X)) * (total >> 16) + HALF;
}

/* y of the block's rows from `first` on, a row for 2^halvings warps. `set`: a float for each warp.
 * All warps of the block come here; parts are added in the same order whoever comes first.
 */
template <typename T>
INLINE void write_rows(T* y, i64 first, i64 rows, float sum, float* set, int halvings) {
  const int lane = lane_of_warp(), warp = threadIdx.x / LANES, parts = 1 << halvings;
  if (lane == 0) set[warp] = sum;
  __syncthreads();
  if (warp > 0) return;
  float total = set[lane];
  for (int by = 1; by < parts; by *= 2) total += __shfl_xor_sync(ALL_LANES, total, by);
  const i64 row = first + i64(lane >> halvings) * gridDim.x;
  if (lane % parts == 0 && row < rows) y[row] = narrow<T>(total);
}

/* Without SPLIT a warp has whole rows, and there are no `starts`. */
template <bool SPLIT, typename T, typename X, typename Pointer>
INLINE void multiply(const Words* values, const u32* deltas, const Pointer* row_pointers,
                     const int* starts, const T* x, T* y, i64 rows, int cols, int halvings) {
  typedef typename Unsigned<Pointer>::Index Index;
  float* const sums = reinterpret_cast<float*>(shared_memory());
  X* const zeros = reinterpret_cast<X*>(sums + (SPLIT ? 2 * WARPS : 0));
  const int lane = lane_of_warp(), warp = threadIdx.x / LANES;
  const int slot = SPLIT ? warp >> halvings : warp, part = SPLIT ? warp - (slot << halvings) : 0;
  const auto taken = [&](i64 index) {
    Row<Index> row = row_at<Index>(row_pointers, index, rows);
    if constexpr (SPLIT) {
      row = part_of(row, part, halvings);
      if (index < rows) row.start = starts[(index << halvings) + part];
    }
    return row;
  };
  const i64 stride = i64(gridDim.x) * (SPLIT ? WARPS >> halvings : WARPS);
  i64 index = blockIdx.x + i64(slot) * gridDim.x;
  const i64 stop = SPLIT ? rows + i64(slot) * gridDim.x : rows;  // all warps of a block together
  Row<Index> row = taken(index);
  Pair pair = fetch(values, deltas, Index(row.group + lane), row.groups_end);
  if (threadIdx.x < BEFORE) zeros[threadIdx.x] = narrow<X>(0.0f);
  copy_x(zeros + BEFORE, x, cols, cols + AFTER);
  __syncthreads();
  const u32 x_begin = shared_address(zeros + BEFORE);
  bool second = false;
  while (index < stop) {
    index += stride;
    const Row<Index> following = taken(index);
    u32 at = x_begin + u32(sizeof(X)) * u32(row.start);
    float parts[4] = {};
    Index group = row.group;
    bool first = true, last;
    do {
      last = group + GROUPS >= row.groups_end;
      const Index ahead = last ? following.group : group + GROUPS;
      const Pair next = fetch(values, deltas, Index(ahead + lane),
                              last ? following.groups_end : row.groups_end);
      if (first || last) {
        keep_row(pair.near, Index((group + lane) * ENTRIES), row);
        keep_row(pair.far, Index((group + lane + LANES) * ENTRIES), row);
        first = false;
      }
      add_step<T, X>(pair, at, parts);
      pair = next;
      group += GROUPS;
    } while (!last);
    const float sum = warp_sum((parts[0] + parts[1]) + (parts[2] + parts[3]));
    if constexpr (SPLIT) {
      // Two sets in turn: who is a round ahead writes to the other one. One barrier is enough.
      write_rows(y, index - stride, rows, sum, sums + (second ? WARPS : 0), halvings);
      second = !second;
    } else if (lane == 0) {
      y[index - stride] = narrow<T>(sum);
    }
    row = following;
  }
}

/* A warp a row. */
template <typename T, typename X, typename Pointer>
__global__ void __launch_bounds__(THREADS, 1)
    macko_fast(const Words* __restrict__ values, const u32* __restrict__ deltas,
               const Pointer* __restrict__ row_pointers, const T* __restrict__ x,
               T* __restrict__ y, i64 rows, int cols) {
  multiply<false, T, X>(values, deltas, row_pointers, nullptr, x, y, rows, cols, 0);
}

/* 2^halvings neighbouring warps a row; `starts` as macko_starts.cu writes them. */
template <typename T, typename X, typename Pointer>
__global__ void __launch_bounds__(THREADS, 1)
    macko_fast_split(const Words* __restrict__ values, const u32* __restrict__ deltas,
                     const Pointer* __restrict__ row_pointers, const int* __restrict__ starts,
                     const T* __restrict__ x, T* __restrict__ y, i64 rows, int cols,
                     int halvings) {
  multiply<true, T, X>(values, deltas, row_pointers, starts, x, y, rows, cols, halvings);
}
