/* The gaps of a group's 8 entries, as pack_slab.cu writes them and slab.cu reads them.
 *
 *   in registers   a byte each, lowest first; `first` of entries 0 to 3, `second` of 4 to 7
 *   low            the lowest 4 bits of each: byte j has entry j, then entry j + 4
 *   high           BITS 5: bit i is bit 4 of entry i's gap
 *                  BITS 6: 2 bits of each; nibbles, lowest first, of entries (0, 4), (2, 6), (1, 5),
 *                  (3, 7)
 *
 * So a mask and a shift make bytes of `low`, a product or a copy 12 bits on those of `high`.
 */
#pragma once
#include "types.cuh"

template <int BITS>
struct Plane {
  typedef u16 High;
};
template <>
struct Plane<5> {
  typedef u8 High;
};

struct Gaps {
  u32 first, second;
};

INLINE u32 sum_of(const Gaps& gaps) {
  return __dp4a(gaps.first, 0x01010101u, __dp4a(gaps.second, 0x01010101u, 0u));
}

template <int BITS>
INLINE Gaps gaps_of(u32 low, typename Plane<BITS>::High high) {
  Gaps gaps = {low & 0x0f0f0f0fu, low >> 4 & 0x0f0f0f0fu};
  if constexpr (BITS == 5) {
    // Four shifts in one product: bit i goes to bit 8 i + 4.
    gaps.first |= (high & 15u) * 0x02040810u & 0x10101010u;
    gaps.second |= (u32(high) >> 4) * 0x02040810u & 0x10101010u;
  }
  if constexpr (BITS == 6) {
    const u32 spread = u32(high) | u32(high) << 12;  // a nibble in each byte
    gaps.first |= spread << 4 & 0x30303030u;
    gaps.second |= spread << 2 & 0x30303030u;
  }
  return gaps;
}

INLINE u32 low_of(const Gaps& gaps) {
  return (gaps.first & 0x0f0f0f0fu) | (gaps.second & 0x0f0f0f0fu) << 4;
}

/* Of gaps of 5 bits and of 6. */
template <int BITS>
INLINE typename Plane<BITS>::High high_of(const Gaps& gaps) {
  if constexpr (BITS == 5) {
    // The way back: bit 8 i goes to bit 24 + i of the first four, to bit 28 + i of the others.
    const u32 first = gaps.first >> 4 & 0x01010101u, second = gaps.second >> 4 & 0x01010101u;
    return u8((first * 0x01020408u | second * 0x10204080u) >> 24);
  } else {
    static_assert(BITS == 6, "gaps of 4 bits have no more");
    const u32 nibbles = (gaps.first >> 4 & 0x03030303u) | (gaps.second >> 2 & 0x0c0c0c0cu);
    return u16(nibbles | nibbles >> 12);
  }
}
