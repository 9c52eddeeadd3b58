/* A into int8 with a float32 scale a row, see dense_int8.cu. A warp per row, a column a lane.
 *
 * Reads each element twice, the second time from the cache where rows fit it; writes 8 bits per
 * element and a scale per row. Any number of columns below 2^31 - 32.
 */
#include "quantise.cuh"

constexpr int WARPS = 8;
constexpr float MOST = 127;

/* Shapes: dense and values (rows, cols), scales (rows,). */
template <typename T>
__global__ void __launch_bounds__(LANES * WARPS)
    pack_int8(const T* __restrict__ dense, signed char* __restrict__ values,
              float* __restrict__ scales, float widest, i64 rows, int cols) {
  const i64 row = i64(blockIdx.x) * WARPS + threadIdx.x / LANES;
  if (row >= rows) return;  // before the first read; the whole warp leaves
  dense += row * cols;
  values += row * cols;
  u32 largest = 0;
#pragma unroll 8
  for (int column = lane_of_warp(); column < cols; column += LANES) {
    const u32 here = magnitude(wide(dense[column]));
    largest = here > largest ? here : largest;
  }
  const float scale = scale_of<float>(warp_max(largest), MOST, widest);
  if (lane_of_warp() == 0) scales[row] = scale;
#pragma unroll 4
  for (int column = lane_of_warp(); column < cols; column += LANES) {
    values[column] = (signed char)(step_of(wide(dense[column]), scale, MOST));
  }
}
