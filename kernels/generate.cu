/* The matrix A of a problem, byte for byte as spmvbench/problems/patterns.py makes it.
 *
 * Element (r, c) owns word r * cols + c (philox.cuh). A thread makes the four elements of one
 * counter, wherever rows begin in them, and writes them at once: 8 bytes, float 16.
 *
 *   thread     0            | 1            | 2            |
 *   element    0  1  2  3   | 4  5  6  7   | 8  9 10 11   |
 *   row        0  0  0  0   | 0  0  0  1   | 1  1  1  1   |      7 columns
 *
 * Which elements are kept, a rule says:
 *
 *   by number    number (key << 32 | column) below limits[row]: every element for itself, the k
 *                smallest of a row or of all, and runs or blocks, of which the element in the
 *                upper left corner answers for all
 *   by column    the columns first[row] .. first[row] + width - 1
 *   by rank      the n smallest numbers of m columns; a block makes the words of whole groups first
 *
 * Reads 8 bytes a row, writes each element once. Philox limits it: docs/gpu-kernels.md.
 */
#include "philox.cuh"

constexpr int THREADS = 256;
// Words of a block of `generate_n_of_m`: 8 KiB, four groups of the widest kind.
constexpr int TILE = 1024;

/* The value of a kept element: (2 s - 1021) / 2^14, s the sum of the upper four bytes and a bit. */
template <typename T>
INLINE T value_of(u64 word) {
  const u32 h = u32(word >> 32);
  const int s = int((h & 255) + (h >> 8 & 255) + (h >> 16 & 255) + (h >> 24) + (h & 1));
  return narrow<T>(float(2 * s - 1021) * (1.0f / 16384));
}

template <typename T>
INLINE T kept_or_zero(bool kept, u64 word) {
  return kept ? value_of<T>(word) : narrow<T>(0.0f);
}

/* Four elements of a thread. `keep(word, row, column)`: whether one is kept. */
template <typename T, typename Keep>
INLINE void four(T* dense, u64 seed, i64 rows, int cols, const Keep& keep) {
  const i64 from = i64(blockIdx.x) * THREADS + threadIdx.x, element = from * DRAWN;
  const i64 elements = rows * cols;
  if (element >= elements) return;
  const Drawn words = draw(seed, from);
  i64 row = element / cols;
  int column = int(element - row * cols);
  Vector<T, DRAWN> made;
#pragma unroll
  for (int i = 0; i < DRAWN; ++i) {
    const bool inside = element + i < elements;
    made.at[i] = kept_or_zero<T>(inside && keep(words.at[i], row, column), words.at[i]);
    if (++column == cols) column = 0, ++row;
  }
  if (element + DRAWN <= elements) {
    store(dense + element, made);
    return;
  }
#pragma unroll
  for (int i = 0; i < DRAWN; ++i) {
    if (element + i < elements) dense[element + i] = made.at[i];
  }
}

/* By number, every element for itself. Shapes: dense (rows, cols), limits (rows,). */
template <typename T>
__global__ void __launch_bounds__(THREADS)
    generate(T* __restrict__ dense, const u64* __restrict__ limits, u64 seed, i64 rows, int cols) {
  four(dense, seed, rows, cols, [&](u64 word, i64 row, int column) {
    return number_of(word, u32(column)) < limits[row];
  });
}

/* By number, `height` x `width` elements together. Both are powers of two. */
template <typename T>
__global__ void __launch_bounds__(THREADS)
    generate_together(T* __restrict__ dense, const u64* __restrict__ limits, u64 seed, i64 rows,
                      int cols, int height, int width) {
  i64 last = -1;
  bool kept = false;
  four(dense, seed, rows, cols, [&](u64, i64 row, int column) {
    const i64 top = row & -i64(height);
    const int left = column & -width;
    const i64 corner = top * cols + left;
    if (corner != last) {
      const u64 word = word_of(draw(seed, corner / DRAWN), int(corner % DRAWN));
      kept = number_of(word, u32(left)) < limits[top];
      last = corner;
    }
    return kept;
  });
}

/* By column. Shape: first (rows,). */
template <typename T>
__global__ void __launch_bounds__(THREADS)
    generate_banded(T* __restrict__ dense, const int* __restrict__ first, u64 seed, i64 rows,
                    int cols, int width) {
  four(dense, seed, rows, cols, [&](u64, i64 row, int column) {
    return u32(column - first[row]) < u32(width);
  });
}

/* By rank. A block makes `width` columns of a row, whole groups: the last of a row may be fewer.
 * Grid: rows * ceil(cols / width).
 */
template <typename T>
__global__ void __launch_bounds__(THREADS)
    generate_n_of_m(T* __restrict__ dense, u64 seed, int cols, int n, int m, int width) {
  __shared__ u64 words[TILE];
  const int parts = (cols + width - 1) / width;
  const i64 row = blockIdx.x / parts;
  const int left = int(blockIdx.x % parts) * width;
  const int columns = cols - left < width ? cols - left : width;
  const i64 start = row * cols + left;
  // Counters that have words of this part: its first word may be any of the first one's.
  for (i64 at = start / DRAWN + threadIdx.x; at * DRAWN < start + columns; at += THREADS) {
    const Drawn drawn = draw(seed, at);
#pragma unroll
    for (int i = 0; i < DRAWN; ++i) {
      const i64 place = at * DRAWN + i - start;
      if (place >= 0 && place < columns) words[place] = drawn.at[i];
    }
  }
  __syncthreads();
  for (int column = threadIdx.x; column < columns; column += THREADS) {
    const u64 mine = number_of(words[column], column);
    const int group = column / m * m;
    const int end = group + m < columns ? group + m : columns;
    int smaller = 0;
    for (int i = group; i < end; ++i) smaller += number_of(words[i], i) < mine;
    dense[start + column] = kept_or_zero<T>(smaller < n, words[column]);
  }
}
