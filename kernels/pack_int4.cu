/* A into 4 bits with a scale per 128 columns, see dense_int4.cu. A warp per group, at any place.
 *
 * Nibble s of word i is column 16 s + i of the group. Lane j takes columns j, j + 32, j + 64 and
 * j + 96: four nibbles of one word, every other one, so two lanes make a word:
 *
 *   word 3    column   3   19   35   51   67   83   99  115
 *             nibble   0    1    2    3    4    5    6    7
 *             lane     3   19    3   19    3   19    3   19
 *
 * Columns past the matrix count as zeros: nibble 8.
 *
 * Reads each element once; writes 4 bits per element and a scale per 128.
 */
#include "quantise.cuh"

constexpr int WARPS = 8;
constexpr float MOST = 7;
constexpr int GROUP = 128, WORDS = 16;
constexpr int MINE = GROUP / LANES;  // columns of a lane

/* Shapes: dense (rows, cols), words (groups, 16), scales (groups,), groups = rows * those of one. */
template <typename T>
__global__ void __launch_bounds__(LANES * WARPS)
    pack_int4(const T* __restrict__ dense, u32* __restrict__ words, T* __restrict__ scales,
              float widest, i64 groups, int cols) {
  const i64 group = i64(blockIdx.x) * WARPS + threadIdx.x / LANES;
  if (group >= groups) return;  // before the first read; the whole warp leaves
  const int lane = lane_of_warp(), of_row = (cols + GROUP - 1) / GROUP;
  const i64 row = group / of_row;
  const int first = int(group - row * of_row) * GROUP + lane;
  float weights[MINE];
  u32 largest = 0;
#pragma unroll
  for (int i = 0; i < MINE; ++i) {
    const int column = first + LANES * i;
    weights[i] = column < cols ? wide(dense[row * cols + column]) : 0.0f;
    const u32 here = magnitude(weights[i]);
    largest = here > largest ? here : largest;
  }
  const T scale = scale_of<T>(warp_max(largest), MOST, widest);
  u32 word = 0;
#pragma unroll
  for (int i = 0; i < MINE; ++i) {
    const u32 nibble = u32(step_of(weights[i], wide(scale), MOST) + 8);
    word |= nibble << (8 * i + 4 * (lane / WORDS));
  }
  word |= __shfl_xor_sync(ALL_LANES, word, WORDS);
  if (lane < WORDS) words[group * WORDS + lane] = word;
  if (lane == 0) scales[group] = scale;
}
