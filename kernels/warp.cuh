/* What the 32 lanes of a warp do together. All of them must come here. */
#pragma once
#include "types.cuh"

constexpr int LANES = 32;
constexpr u32 ALL_LANES = 0xffffffffu;

INLINE int lane_of_warp() { return threadIdx.x % LANES; }

/* Set bits of lower lanes. */
INLINE u32 below_lane(u32 bits) { return bits & ((1u << lane_of_warp()) - 1); }

/* Of all lanes, and for all of them. */
template <typename V>
INLINE V warp_sum(V v) {
#pragma unroll
  for (int step = LANES / 2; step; step /= 2) v += __shfl_xor_sync(ALL_LANES, v, step);
  return v;
}

/* Of all lanes, and for all of them. */
INLINE int warp_max(int v) {
#pragma unroll
  for (int step = LANES / 2; step; step /= 2) v = max(v, __shfl_xor_sync(ALL_LANES, v, step));
  return v;
}

/* Of this lane and the lanes below it. */
INLINE int warp_prefix_sum(int v) {
#pragma unroll
  for (int step = 1; step < LANES; step *= 2) {
    const int below = __shfl_up_sync(ALL_LANES, v, step);
    if (lane_of_warp() >= step) v += below;
  }
  return v;
}
