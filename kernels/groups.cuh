/* Groups of 8 entries of many rows, side by side by lane: what packing slabs shares.
 *
 * A warp goes through a row. Its entries wait in shared memory until there are 32 groups. Then each
 * lane writes one, whole, so no two lanes meet in a word:
 *
 *   waiting   | 8 entries | 8 entries | 8 entries | ... | 8 entries | of the next groups ...
 *   lane        0           1           2                 31
 */
#pragma once
#include "pack.cuh"

constexpr int GROUP = 8;
constexpr int WRITTEN = LANES * GROUP;  // entries that are written at once

/* Entry i waits in place i % ROOM: there are up to WRITTEN - 1, and those of a step's columns. */
constexpr u32 ROOM = WRITTEN + LANES * AHEAD;

/* Groups of a warp of slabs that come before group `k` of lane `lane`: of another lane as many as
 * it has, but k at most, or one more where it is a lane before. `length_of`: how many a lane has.
 * All lanes come here, with `k` and `lane` of their own.
 */
template <typename LengthOf>
INLINE u32 groups_before(u32 k, u32 lane, LengthOf length_of) {
  u32 before = 0;
#pragma unroll 8  // all 32 would be as much code as the rest of a kernel
  for (u32 other = 0; other < LANES; ++other) before += min(length_of(other), k + (other < lane));
  return before;
}
