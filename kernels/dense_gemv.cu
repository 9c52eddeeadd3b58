/* y = A x, A with every element stored: the dense product that sparse ones are compared with.
 *
 *   LOAD 8, 16-bit values, cols a multiple of 8 (LOAD 4: float, of 4):
 *
 *   column    0 .. 7   8 .. 15   ...   248 .. 255 | 256 ...
 *   values    16 bytes 16 bytes        16 bytes   |
 *   lane      0        1               31         | 0, the second of UNROLL loads
 *
 *   LOAD 1, any cols: rows begin anywhere, so a load is one element and a warp's 32 are 64 bytes.
 *
 * Rows follow one another without a gap: row r begins at element r * cols. gemv.cuh has the loop.
 *
 * Reads each element once, 16 bits (float: 32), and x once per two rows, from the L1 cache.
 * Columns: below 2^31 - 1024. Elements: any number.
 */
#include "gemv.cuh"

template <typename T, int LOAD>
struct Dense {
  static_assert(LOAD == WIDEST / sizeof(T), "one element, or 16 bytes of them");
  typedef Words Load;
  // 4 columns at a time: their float weights and those of x are registers.
  static constexpr int RUN = 4, RUNS = LOAD / RUN;
  const T* values;
  int loads, whole;

  INLINE Dense(const T* values, int cols) : values(values), loads(cols / LOAD), whole(loads) {}
  INLINE Words fetch(i64 row, int load) const {
    return stream(reinterpret_cast<const Words*>(values) + row * loads + load);
  }
  static INLINE int column(int load, int run) { return load * LOAD + run * RUN; }
  static INLINE void expand(const Words& words, int run, float (&weights)[RUN]) {
    const auto all = same_bits<Vector<T, LOAD>>(words);
#pragma unroll
    for (int i = 0; i < RUN; ++i) weights[i] = wide(all.at[run * RUN + i]);
  }
  static INLINE float scaled(const Words&, float sum) { return sum; }
  INLINE float scale(i64) const { return 1; }
};

template <typename T>
struct Dense<T, 1> {
  typedef T Load;
  static constexpr int RUN = 1, RUNS = 1;
  const T* values;
  int loads, whole;

  INLINE Dense(const T* values, int cols) : values(values), loads(cols), whole(cols) {}
  INLINE T fetch(i64 row, int load) const { return values[row * loads + load]; }
  static INLINE int column(int load, int) { return load; }
  static INLINE void expand(T value, int, float (&weights)[1]) { weights[0] = wide(value); }
  static INLINE float scaled(T, float sum) { return sum; }
  INLINE float scale(i64) const { return 1; }
};

template <typename T, int BATCH, int LOAD>
__global__ void __launch_bounds__(LANES * WARPS, BLOCKS)
    dense_gemv(const T* __restrict__ values, const T* __restrict__ x, T* __restrict__ y, i64 rows,
               int cols) {
  gemv<BATCH>(Dense<T, LOAD>(values, cols), x, y, rows, cols);
}
