// The names that kernels use beside the types. Only those in use: a new one is a few lines.
#pragma once

#define threadIdx (::cuhost::now->index)
#define blockIdx (::cuhost::block.index)
#define blockDim (::cuhost::block.size)
#define gridDim (::cuhost::block.grid)

inline void __syncthreads() { cuhost::sync_block(); }

inline void __syncwarp(unsigned mask = ~0u) { cuhost::meet(cuhost::Meeting::sync, mask, 0); }

template <class T>
T __shfl_sync(unsigned mask, T value, int from) {
    return cuhost::shuffle(mask, value, from & 31, true);
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int by) {
    return cuhost::shuffle(mask, value, int(cuhost::now->lane) ^ by, true);
}

// Lanes below `by` keep their own value.
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned by) {
    const int from = int(cuhost::now->lane) - int(by);
    return cuhost::shuffle(mask, value, from, from >= 0);
}

inline unsigned __ballot_sync(unsigned mask, int mine) {
    return cuhost::ballot(mask, mine != 0);
}

using std::max;
using std::min;

inline int __popc(unsigned v) { return __builtin_popcount(v); }

// Of 0 there are 32 leading zeros, and the first set bit is number 0.
inline int __clz(unsigned v) { return v ? __builtin_clz(v) : 32; }
inline int __ffs(int v) { return __builtin_ffs(v); }

inline unsigned __brev(unsigned v) {
    unsigned reversed = 0;
    for (int i = 0; i < 32; ++i) reversed |= (v >> i & 1u) << (31 - i);
    return reversed;
}

// 32 of the 64 bits high, low: after a shift to the left the upper ones, to the right the lower ones.
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned by) {
    return unsigned(((unsigned long long)high << 32 | low) << (by & 31) >> 32);
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned by) {
    return unsigned(((unsigned long long)high << 32 | low) >> (by & 31));
}

// The sum of the products of bytes of the same place, and of c.
inline unsigned __dp4a(unsigned a, unsigned b, unsigned c) {
    for (int i = 0; i < 32; i += 8) c += (a >> i & 255u) * (b >> i & 255u);
    return c;
}

inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)((unsigned __int128)a * b >> 64);
}

// Fibers change places in intrinsics only, so plain arithmetic is atomic.
template <class T>
T atomicAdd(T* at, T value) {
    const T before = *at;
    *at += value;
    return before;
}

inline unsigned __float_as_uint(float f) {
    unsigned v;
    std::memcpy(&v, &f, sizeof v);
    return v;
}

inline float __fdiv_rn(float a, float b) { return a / b; }

inline float __uint_as_float(unsigned v) {
    float f;
    std::memcpy(&f, &v, sizeof f);
    return f;
}

// Byte i of the result is byte (selector >> 4 i) & 7 of a and b, a's four first.
inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
    const unsigned long long both = (unsigned long long)b << 32 | a;
    unsigned result = 0;
    for (int i = 0; i < 4; ++i)
        result |= unsigned(both >> 8 * (selector >> 4 * i & 7) & 255u) << 8 * i;
    return result;
}
