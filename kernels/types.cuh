/* Value types and what every kernel does with them. Sums are float32 whatever the weights are.
 *
 * Builtin types only: <cstdint> does not exist when a kernel is compiled at run time.
 */
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#define INLINE __device__ __forceinline__

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;

INLINE float wide(__half v) { return __half2float(v); }
INLINE float wide(__nv_bfloat16 v) { return __bfloat162float(v); }
INLINE float wide(float v) { return v; }

// Rounds to nearest, ties to even: the checker's bound is for that.
template <typename T>
INLINE T narrow(float v);
template <>
INLINE __half narrow<__half>(float v) { return __float2half_rn(v); }
template <>
INLINE __nv_bfloat16 narrow<__nv_bfloat16>(float v) { return __float2bfloat16_rn(v); }
template <>
INLINE float narrow<float>(float v) { return v; }

// Widest access of one lane. A larger Vector takes several.
constexpr int WIDEST = 16;

/* N neighbours that are read or written at once. The alignment is what makes it one access. */
template <typename T, int N>
struct alignas(N * sizeof(T) < WIDEST ? N * sizeof(T) : WIDEST) Vector {
  T at[N];
};

template <int N, typename T>
INLINE Vector<T, N> load(const T* from) {
  return *reinterpret_cast<const Vector<T, N>*>(from);
}

template <typename T, int N>
INLINE void store(T* to, const Vector<T, N>& v) {
  *reinterpret_cast<Vector<T, N>*>(to) = v;
}

template <typename To, typename From>
INLINE To same_bits(const From& from) {
  static_assert(sizeof(To) == sizeof(From), "the same bits need the same size");
  To to;
  memcpy(&to, &from, sizeof(To));
  return to;
}

/* The first bytes of something that has at least as many. */
template <typename To, typename From>
INLINE To first_bytes(const From& from) {
  To to = {};
  memcpy(&to, &from, sizeof(To) < sizeof(From) ? sizeof(To) : sizeof(From));
  return to;
}
