/* x in shared memory, and 16-bit values times what is gathered from there: the fast kernels' part.
 *
 *   x of 16 bits in memory -> X in shared memory: float, or T itself where floats do not fit
 *
 * An entry's place in x is an address in shared memory. Gaps are summed in the four bytes of a
 * word; one dp4a picks the sum of an entry, scales it to bytes and adds where its group begins:
 *
 *   gaps       g0       g1       g2       g3           a byte each, lowest first
 *   sums       g0       g0+g1    g0+g1+g2 ...          the word times 0x01010101
 *   address of entry i  sizeof(X) * (byte i of sums) + base, and i elements more: part of the load
 */
#pragma once
#include "ptx.cuh"
#include "warp.cuh"

// Entries of a group: with 16-bit values one load of 16 bytes.
constexpr int ENTRIES = 8;
constexpr u32 EVERY_BYTE = 0x01010101u;

/* Element PLUS after the address `at`. */
template <typename X, int PLUS>
INLINE float x_at(u32 at) { return wide(shared_at<X, PLUS * int(sizeof(X))>(at)); }

/* The address of the entry whose gaps are summed in byte BYTE, less what x_at adds. */
template <typename X, int BYTE>
INLINE u32 address_of(u32 sums, u32 base) {
  return __dp4a(sums, u32(sizeof(X)) << (8 * BYTE), base);
}

/* to[0 .. cols) = x, to[cols .. upto) = 0. By all threads of the block; the caller synchronises.
 * Reads x once, 16 bytes at a time; x and `to` begin at multiples of 16 bytes.
 */
template <typename X, typename T>
INLINE void copy_x(X* to, const T* x, int cols, int upto) {
  const int whole = cols / ENTRIES;
  for (int i = threadIdx.x; i < whole; i += blockDim.x) {
    const auto from = load<ENTRIES>(x + i * ENTRIES);
    Vector<X, ENTRIES> wider;
#pragma unroll
    for (int j = 0; j < ENTRIES; ++j) wider.at[j] = narrow<X>(wide(from.at[j]));
    store(to + i * ENTRIES, wider);
  }
  for (int i = whole * ENTRIES + threadIdx.x; i < upto; i += blockDim.x) {
    to[i] = narrow<X>(i < cols ? wide(x[i]) : 0.0f);
  }
}
