/* y = A x, A in 4 bits with a scale per 128 columns. Weights only: x, y and the sums stay floats.
 *
 * A group of 128 columns is 16 words of 32 bits; nibble s of word i, lowest bits first, is column
 * 16 s + i. A lane loads 4 neighbouring words, so a group is 4 lanes:
 *
 *   word       0    1    2    3  |  4    5    6    7  |  8 ..  | 12 ..
 *   lane       0                 |  1                 |  2     |  3         4: the next group
 *   nibble 0   0    1    2    3  |  4    5    6    7  |        |            columns
 *   nibble 1   16   17   18   19 |  20   21   22   23 |
 *   ...
 *   nibble 7   112  113  114  115|  116  117  118  119|             ... 127
 *
 * A run is one nibble of the 4 words: 4 columns in order. A nibble is the element in units of
 * scales[r, group], plus 8. Columns past the matrix hold nibble 8, so any cols has whole groups;
 * x is not read there. gemv.cuh has the loop.
 *
 * Reads 4 bits per element and a scale per 128 once, and x once per two rows, from the L1 cache.
 * Columns: below 2^31 - 4096.
 */
#include "gemv.cuh"

constexpr int GROUP = 128;
constexpr int LOADS_OF_GROUP = 4;

/* Nibble i of a word, less 8, without the slow conversion: it is put into the low bits of 2^23. */
INLINE float nibble(u32 word, int i) {
  return __uint_as_float((word >> (4 * i) & 15u) | 0x4b000000u) - 8388616.0f;
}

template <typename T>
struct Int4 {
  struct Load {
    Words words;
    T scale;
  };
  static constexpr int RUN = 4, RUNS = 8;
  const Words* values;
  const T* scales;
  int loads, whole;

  INLINE Int4(const Words* values, const T* scales, int cols)
      : values(values),
        scales(scales),
        loads((cols + GROUP - 1) / GROUP * LOADS_OF_GROUP),
        whole(cols / GROUP * LOADS_OF_GROUP) {}
  INLINE Load fetch(i64 row, int load) const {
    const i64 at = row * loads + load;
    return {stream(values + at), scales[at / LOADS_OF_GROUP]};  // 16 bytes, and one scale
  }
  static INLINE int column(int load, int run) {
    return load / LOADS_OF_GROUP * GROUP + 16 * run + load % LOADS_OF_GROUP * RUN;
  }
  static INLINE void expand(const Load& load, int run, float (&weights)[RUN]) {
#pragma unroll
    for (int i = 0; i < RUN; ++i) weights[i] = nibble(load.words.at[i], run);
  }
  static INLINE float scaled(const Load& load, float sum) { return wide(load.scale) * sum; }
  INLINE float scale(i64) const { return 1; }
};

// 8 vectors do not fit 128 registers: the sums of a group and of the rows, and 32 of x.
template <typename T, int BATCH>
__global__ void __launch_bounds__(LANES * WARPS, BATCH < 8 ? BLOCKS : 1)
    dense_int4(const Words* __restrict__ values, const T* __restrict__ scales,
               const T* __restrict__ x, T* __restrict__ y, i64 rows, int cols) {
  gemv<BATCH>(Int4<T>(values, scales, cols), x, y, rows, cols);
}
