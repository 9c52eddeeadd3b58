/* Random words by position: Philox4x64-10 as spmvbench/problems/bits.py has it.
 *
 *   word       0  1  2  3 | 4  5  6  7 | 8 ...      word i belongs to element i of A, row-major
 *   counter    1          | 2          | 3          (i / 4 + 1, 0, 0, 0), low word first
 *
 * The low half of a word is the element's key (where non-zeros are), the high half its value.
 *
 * A counter costs 20 products of 64 x 64 bits in 128: making a word again is cheaper than
 * reading it from memory twice.
 *
 * Source: Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011.
 */
#pragma once
#include "types.cuh"

// Words of a counter.
constexpr int DRAWN = 4;
constexpr u64 MATRIX = 0;  // the stream of A

struct Drawn {
  u64 at[DRAWN];
};

/* Words 4 i .. 4 i + 3 of the matrix. */
INLINE Drawn draw(u64 seed, u64 i) {
  u64 a = i + 1, b = 0, c = 0, d = 0, left = seed, right = MATRIX;
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const u64 first = __umul64hi(0xD2E7470EE14C6C93ull, a), low = 0xD2E7470EE14C6C93ull * a;
    const u64 second = __umul64hi(0xCA5A826395121157ull, c), other = 0xCA5A826395121157ull * c;
    a = second ^ b ^ left;
    b = other;
    c = first ^ d ^ right;
    d = low;
    left += 0x9E3779B97F4A7C15ull;
    right += 0xBB67AE8584CAA73Bull;
  }
  return {{a, b, c, d}};
}

/* One of them, without an index: an array that is indexed at run time lies in memory. */
INLINE u64 word_of(const Drawn& drawn, int i) {
  const u64 low = i & 1 ? drawn.at[1] : drawn.at[0], high = i & 1 ? drawn.at[3] : drawn.at[2];
  return i & 2 ? high : low;
}

INLINE u32 key_of(u64 word) { return u32(word); }

/* An element's key, and its column for the order of equal keys: no two of a row are the same. */
INLINE u64 number_of(u64 word, u32 column) { return u64(key_of(word)) << 32 | column; }
