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

inline int __popc(unsigned v) { return __builtin_popcount(v); }

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
