// What the stand-ins for NVIDIA's libraries share: a list of calls, failures on demand, and numbers
// of 16 bits. Device memory is host memory here, as it is to the stand-in for CuPy.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>

#include "library_types.h"

namespace standin {

static std::string calls, complaint;
static std::map<std::string, int> failures;
static int alive = 0;  // descriptors that are not destroyed yet

// Notes the call; the status it is to fail with, 0 when it is to do its work.
inline int enter(const std::string& name, const std::string& details = "") {
    calls += name + (details.empty() ? "" : " " + details) + "\n";
    auto found = failures.find(name);
    return found == failures.end() ? 0 : found->second;
}

inline float half(uint16_t bits) {
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    float value = exponent == 31  ? (fraction ? NAN : INFINITY)
                  : exponent == 0 ? std::ldexp(float(fraction), -24)
                                  : std::ldexp(float(fraction + 1024), exponent - 25);
    return bits & 0x8000 ? -value : value;
}

inline uint16_t to_half(float value) {
    uint16_t sign = std::signbit(value) ? 0x8000 : 0;
    if (std::isnan(value)) return 0x7e00;
    float size = std::fabs(value);
    if (size < std::ldexp(1.0f, -14)) return sign | uint16_t(std::nearbyint(std::ldexp(size, 24)));
    if (std::isinf(size)) return sign | 0x7c00;
    int exponent = std::ilogb(size);
    int fraction = int(std::nearbyint(std::ldexp(size, 10 - exponent)));  // 1024 to 2048
    int bits = ((exponent + 14) << 10) + fraction;
    return sign | uint16_t(exponent > 15 || bits > 0x7c00 ? 0x7c00 : bits);
}

inline float bfloat(uint16_t bits) {
    uint32_t wide = uint32_t(bits) << 16;
    float value;
    std::memcpy(&value, &wide, 4);
    return value;
}

inline uint16_t to_bfloat(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    if (std::isnan(value)) return 0x7fc0;
    return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

inline float get(const void* array, int64_t place, cudaDataType type) {
    if (type == CUDA_R_32F) return static_cast<const float*>(array)[place];
    uint16_t bits = static_cast<const uint16_t*>(array)[place];
    return type == CUDA_R_16F ? half(bits) : bfloat(bits);
}

inline void set(void* array, int64_t place, cudaDataType type, float value) {
    if (type == CUDA_R_32F) {
        static_cast<float*>(array)[place] = value;
        return;
    }
    static_cast<uint16_t*>(array)[place] = type == CUDA_R_16F ? to_half(value) : to_bfloat(value);
}

inline bool known(cudaDataType type) {
    return type == CUDA_R_32F || type == CUDA_R_16F || type == CUDA_R_16BF;
}

}  // namespace standin

// Leave with a status when an argument is not what the official interface takes.
#define EXPECT(condition, status)                                       \
    if (!(condition)) {                                                 \
        standin::complaint = std::string(__func__) + ": " #condition;   \
        return status;                                                  \
    }

extern "C" {

const char* standin_calls() { return standin::calls.c_str(); }
const char* standin_complaint() { return standin::complaint.c_str(); }
int standin_alive() { return standin::alive; }
void standin_fail(const char* name, int status) { standin::failures[name] = status; }

void standin_reset() {
    standin::calls.clear();
    standin::complaint.clear();
    standin::failures.clear();
}
}
