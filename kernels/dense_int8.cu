/* y = A x, A as int8 with a float scale a row. Weights only: x, y and the sums stay floats.
 *
 *   LOAD 16, cols a multiple of 16:
 *
 *   column    0 .. 15    16 .. 31   ...   496 .. 511 | 512 ...
 *   values    16 bytes   16 bytes         16 bytes   |
 *   lane      0          1                31         | 0, the second of UNROLL loads
 *
 *   LOAD 1, any cols: rows begin anywhere, so a load is one byte and a warp's 32 are 32 bytes.
 *
 * Element (r, c) is values[r * cols + c] * scales[r]. gemv.cuh has the loop.
 *
 * Reads 8 bits per element once, and x once per two rows, from the L1 cache.
 * Columns: below 2^31 - 4096.
 */
#include "gemv.cuh"

/* Byte i of a word, as int8, without the slow conversion: the byte + 128 in the low bits of 2^23
 * is the float 2^23 + 128 + byte; the difference is exact.
 */
INLINE float signed_byte(u32 word, int i) {
  const u32 biased = __byte_perm(word ^ 0x80808080u, 0x4b000000u, 0x7440 + i);
  return __uint_as_float(biased) - 8388736.0f;
}

template <int LOAD>
struct Int8 {
  static_assert(LOAD == WIDEST, "one element, or 16 bytes of them");
  typedef Words Load;
  static constexpr int RUN = 4, RUNS = LOAD / RUN;  // a run is a word
  const signed char* values;
  const float* scales;
  int loads, whole;

  INLINE Int8(const signed char* values, const float* scales, int cols)
      : values(values), scales(scales), loads(cols / LOAD), whole(loads) {}
  INLINE Words fetch(i64 row, int load) const {
    return stream(reinterpret_cast<const Words*>(values) + row * loads + load);
  }
  static INLINE int column(int load, int run) { return load * LOAD + run * RUN; }
  static INLINE void expand(const Words& words, int run, float (&weights)[RUN]) {
#pragma unroll
    for (int i = 0; i < RUN; ++i) weights[i] = signed_byte(words.at[run], i);
  }
  static INLINE float scaled(const Words&, float sum) { return sum; }
  INLINE float scale(i64 row) const { return scales[row]; }
};

template <>
struct Int8<1> {
  typedef signed char Load;
  static constexpr int RUN = 1, RUNS = 1;
  const signed char* values;
  const float* scales;
  int loads, whole;

  INLINE Int8(const signed char* values, const float* scales, int cols)
      : values(values), scales(scales), loads(cols), whole(cols) {}
  INLINE Load fetch(i64 row, int load) const { return values[row * loads + load]; }
  static INLINE int column(int load, int) { return load; }
  static INLINE void expand(Load value, int, float (&weights)[1]) { weights[0] = float(value); }
  static INLINE float scaled(Load, float sum) { return sum; }
  INLINE float scale(i64 row) const { return scales[row]; }
};

template <typename T, int BATCH, int LOAD>
__global__ void __launch_bounds__(LANES * WARPS, BLOCKS)
    dense_int8(const signed char* __restrict__ values, const float* __restrict__ scales,
               const T* __restrict__ x, T* __restrict__ y, i64 rows, int cols) {
  gemv<BATCH>(Int8<LOAD>(values, scales, cols), x, y, rows, cols);
}
