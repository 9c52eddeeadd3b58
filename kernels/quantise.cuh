/* From weights to small integers and scales, bit for bit as spmvbench/cpu/quantised.py does it.
 *
 *   run       w0  w1 ...  largest magnitude L      scale  = L / most, rounded to its type
 *   steps     w0 / scale, w1 / scale ...           to the nearest integer, ties to even
 *
 * With NaN or Inf in a run the scale is NaN and the steps are 0; so are those of a scale that
 * is rounded to zero. Divisions are those of IEEE: __fdiv_rn.
 */
#pragma once
#include "warp.cuh"

constexpr u32 INFINITE = 0x7f800000u;

/* The bits of |v|: in the order of magnitudes, NaN above infinity. */
INLINE u32 magnitude(float v) { return __float_as_uint(v) & 0x7fffffffu; }

INLINE u32 warp_max(u32 v) {
#pragma unroll
  for (int step = LANES / 2; step; step /= 2) {
    const u32 other = __shfl_xor_sync(ALL_LANES, v, step);
    v = other > v ? other : v;
  }
  return v;
}

/* NumPy's NaN, which conversions on a GPU do not give. */
template <typename T>
INLINE T not_a_number();
template <>
INLINE __half not_a_number<__half>() { return same_bits<__half>(u16(0x7e00)); }
template <>
INLINE __nv_bfloat16 not_a_number<__nv_bfloat16>() { return same_bits<__nv_bfloat16>(u16(0x7fc0)); }
template <>
INLINE float not_a_number<float>() { return same_bits<float>(0x7fc00000u); }

/* `most`: the largest step; `widest`: the largest scale with which no product overflows. */
template <typename T>
INLINE T scale_of(u32 largest, float most, float widest) {
  if (largest >= INFINITE) return not_a_number<T>();
  return narrow<T>(fminf(__fdiv_rn(__uint_as_float(largest), most), widest));
}

INLINE int step_of(float weight, float scale, float most) {
  if (!(scale > 0)) return 0;
  return int(fminf(fmaxf(rintf(__fdiv_rn(weight, scale)), -most), most));
}
