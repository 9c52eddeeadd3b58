/* How a warp goes through the groups of its 32 lanes: what slab.cu and slab_bitmap.cu share.
 *
 * Groups k of all lanes that have one lie side by side, in the order of the lanes, then groups k + 1:
 *
 *   k         0                       1                       2
 *   lane      | 0 | 1 | 2 | .. | 31 | | 0 | 1 | 3 | .. | 31 | | 1 | 31 |     2 had one group, 0 two
 *
 * So nothing is stored for a lane that is done, and a lane's place is the number of lower ones that
 * are not. Up to the shortest lane's end that is its own number, and no vote is taken.
 *
 * In       where the groups are: group(ahead) loads one, skip(groups) moves on. It points at the place
 *          of this lane if all lanes have a group.
 * Lane     what a lane has reached: add(group).
 */
#pragma once
#include "gather.cuh"

/* Groups of a lane in flight, with so many warps on a multiprocessor: what registers allow. */
template <int WARPS>
constexpr int depth = WARPS <= 16 ? 4 : WARPS <= 24 ? 3 : 2;

/* The next group, where the lane has one; `in` moves on by those of all lanes. */
template <typename In, typename Group>
INLINE void fetch(In& in, Group& group, bool has) {
  const u32 all = __ballot_sync(ALL_LANES, has);
  if (has) group = in.group(__popc(below_lane(all)) - lane_of_warp());
  in.skip(__popc(all));
}

/* The first groups of a lane, which has `groups`. */
template <typename In, typename Group, int DEPTH>
INLINE void fetch_first(In& in, Group (&there)[DEPTH], int groups) {
#pragma unroll
  for (int i = 0; i < DEPTH; ++i) fetch(in, there[i], i < groups);
}

/* Asks for DEPTH groups of each lane, then uses those asked for one call ago. With one set that
 * rotates, the compiler gathers its loads at the end of the loop, behind a wait for all of them.
 */
template <typename In, typename Group, int DEPTH, typename Lane>
INLINE void step(In& in, Group (&asked)[DEPTH], const Group (&there)[DEPTH], Lane& lane) {
#pragma unroll
  for (int i = 0; i < DEPTH; ++i) asked[i] = in.group(LANES * i);
  in.skip(LANES * DEPTH);
#pragma unroll
  for (int i = 0; i < DEPTH; ++i) lane.add(there[i]);
}

/* All groups of the warp; this lane has `groups`, the first DEPTH of which are there. */
template <typename In, typename Group, int DEPTH, typename Lane>
INLINE void add_all(In& in, Group (&there)[DEPTH], Lane& lane, int groups, int shortest,
                    int longest) {
  Group other[DEPTH];
  int k = 0;
  while (k + 2 * DEPTH <= shortest) {  // all lanes have those, and DEPTH more
    step(in, other, there, lane);
    k += DEPTH;
    if (k + 2 * DEPTH > shortest) {
#pragma unroll
      for (int i = 0; i < DEPTH; ++i) there[i] = other[i];
      break;
    }
    step(in, there, other, lane);
    k += DEPTH;
  }
  for (; k < longest; k += DEPTH) {
#pragma unroll
    for (int i = 0; i < DEPTH; ++i) {
      if (k + i < groups) lane.add(there[i]);
      fetch(in, there[i], k + i + DEPTH < groups);
    }
  }
}

/* Which row of y lane i of the first warp writes, of a slab whose first place is `first`. Asked for
 * before the slab's groups are used.
 */
INLINE u32 row_to_write(const u32* row_order, i64 first, i64 rows) {
  const bool writes = threadIdx.x < LANES && first + lane_of_warp() < rows;
  return writes ? row_order[first + lane_of_warp()] : 0;
}

/* y of a slab's rows, by its first warp: `sum` of this lane's row, in one or more lanes. Lane i
 * writes y[row], where the slab has a row i.
 */
template <typename T>
INLINE void write_rows(T* y, u32 row, bool has, float sum, int row_bits) {
  for (int by = 1 << row_bits; by < LANES; by *= 2) sum += __shfl_xor_sync(ALL_LANES, sum, by);
  if (has && lane_of_warp() < 1 << row_bits) y[row] = narrow<T>(sum);
}
