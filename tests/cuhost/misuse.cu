/* Mistakes, on purpose: each has to end with a message that names it. See test_cuhost.py. */
#include <cuda_fp16.h>

extern "C" __global__ void right(float* out) {
  out[threadIdx.x] = __shfl_xor_sync(0xffffffffu, float(threadIdx.x), 1);
}
extern "C" __global__ void lane_returns_first(float* out) {
  if (threadIdx.x == 20) return;
  out[threadIdx.x] = __shfl_xor_sync(0xffffffffu, 1.0f, 1);
}
extern "C" __global__ void lanes_meet_in_two_places(float* out) {
  if (threadIdx.x < 16) __syncwarp();
  else out[0] = __shfl_xor_sync(0xffffffffu, 1.0f, 1);
}
extern "C" __global__ void warp_waits_for_the_block(float* out) {
  if (threadIdx.x == 0) __syncthreads();
  else out[0] = __shfl_xor_sync(0xffffffffu, 1.0f, 1);
}
extern "C" __global__ void part_of_a_mask(float* out) {
  out[0] = __shfl_xor_sync(0xffffu, 1.0f, 1);
}
extern "C" __global__ void no_barrier(float* out) {
  __shared__ float all[32];
  all[threadIdx.x] = float(threadIdx.x);
  out[threadIdx.x] = all[31 - threadIdx.x];
}
extern "C" __global__ void reads_past_the_end(float* out) { out[0] = out[threadIdx.x + 1]; }
extern "C" __global__ void writes_before_the_start(float* out) { out[int(threadIdx.x) - 1] = 1; }
extern "C" __global__ void misaligned(float* out) {
  out[0] = reinterpret_cast<const float2*>(out + 1)->x;
}
extern "C" __global__ void outside_of_shared(float* out) {
  __shared__ float all[16];
  all[threadIdx.x] = 1;
  out[0] = all[0];
}
extern "C" __global__ void reads_dynamic_before_writing(float* out) {
  out[threadIdx.x] = reinterpret_cast<const float*>(cuhost::dynamic_shared())[threadIdx.x];
}
extern "C" __global__ void one_past_dynamic_shared(float* out) {
  out[0] = reinterpret_cast<const float*>(cuhost::dynamic_shared())[threadIdx.x + 1];
}
extern "C" __global__ void no_barrier_between_warps(float* out) {
  float* all = reinterpret_cast<float*>(cuhost::dynamic_shared());
  all[threadIdx.x] = float(threadIdx.x);
  __syncwarp();
  __syncwarp();
  if (threadIdx.x >= 32) out[threadIdx.x - 32] = all[threadIdx.x - 32];
}
