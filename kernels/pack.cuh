/* What packing on the device shares: a warp goes through a row, 32 neighbouring columns at a time.
 *
 *   columns   0 .. 31 | 32 .. 63 | ... | 224 .. 255 | 256 ...
 *   lane      0    31 | 0     31 |     |   0     31 | the next step
 *             <------------- a step: AHEAD loads of a lane ------->
 *
 * A ballot gives all lanes the stored columns of 32, lowest bit first; where an element goes is
 * then the number of bits below its own. So any number of columns and any type goes one way, and
 * values are written next to each other. A load is one element, 64 bytes a warp; AHEAD of them
 * are in flight, as many bytes as one load of 16 bytes a lane. Those would need rows that begin at
 * multiples of 16 bytes, a second path for all others, and a scan over the warp.
 *
 * Elements are moved as bits, u16 or u32: -0.0 is a zero, NaN is not.
 */
#pragma once
#include "warp.cuh"

constexpr int WARPS = 8;
constexpr int AHEAD = 8;

template <typename Bits>
INLINE bool is_stored(Bits bits) { return Bits(bits << 1) != 0; }  // without the sign

template <typename Bits>
struct Step {
  Bits bits[AHEAD];     // of this lane's columns
  u32 stored[AHEAD];    // of all lanes: bit j is column 32 i + j of the step
};

/* Columns base .. base + 255 of a row; none past `cols`. */
template <typename Bits>
INLINE Step<Bits> look(const Bits* row, int base, int cols) {
  Step<Bits> step;
#pragma unroll
  for (int i = 0; i < AHEAD; ++i) {
    const int column = base + LANES * i + lane_of_warp();
    step.bits[i] = column < cols ? row[column] : Bits(0);
  }
#pragma unroll
  for (int i = 0; i < AHEAD; ++i) step.stored[i] = __ballot_sync(ALL_LANES, is_stored(step.bits[i]));
  return step;
}

INLINE i64 row_of_warp() { return i64(blockIdx.x) * WARPS + threadIdx.x / LANES; }
