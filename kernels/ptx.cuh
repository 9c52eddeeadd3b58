/* The only file with PTX. Each function has a branch in plain C++ that says what it does: it is
 * what runs where the kernels are compiled for a CPU (CUHOST, tests/cuhost).
 */
#pragma once
#include "types.cuh"

typedef Vector<u32, 4> Words;  // 16 bytes: the widest load of a lane

/* Weights are read once: leave the L1 cache to x. `volatile` keeps the loads where they are
 * written, ahead of the arithmetic; the compiler would move some down to their first use.
 */
INLINE Words stream(const Words* from) {
#ifdef CUHOST
  return *from;
#else
  Words w;
  asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(w.at[0]), "=r"(w.at[1]), "=r"(w.at[2]), "=r"(w.at[3])
               : "l"(from));
  return w;
#endif
}

/* The same for one word. */
INLINE u32 stream(const u32* from) {
#ifdef CUHOST
  return *from;
#else
  u32 w;
  asm volatile("ld.global.nc.L1::no_allocate.u32 %0, [%1];" : "=r"(w) : "l"(from));
  return w;
#endif
}

/* The same for half a word. */
INLINE u16 stream(const u16* from) {
#ifdef CUHOST
  return *from;
#else
  u16 w;
  asm volatile("ld.global.nc.L1::no_allocate.u16 %0, [%1];" : "=h"(w) : "l"(from));
  return w;
#endif
}

/* The same for a byte. */
INLINE u8 stream(const u8* from) {
#ifdef CUHOST
  return *from;
#else
  u32 byte;
  asm volatile("ld.global.nc.L1::no_allocate.u8 %0, [%1];" : "=r"(byte) : "l"(from));
  return u8(byte);
#endif
}

/* The dynamic shared memory of the block, from a multiple of 128 bytes. */
INLINE u8* shared_memory() {
#ifdef CUHOST
  return cuhost::dynamic_shared();
#else
  extern __shared__ __align__(128) u8 memory[];
  return memory;
#endif
}

/* Where a place in the dynamic shared memory is, in bytes, for `shared_at`. */
INLINE u32 shared_address(const void* place) {
#ifdef CUHOST
  return u32(static_cast<const u8*>(place) - shared_memory());
#else
  return u32(__cvta_generic_to_shared(place));
#endif
}

/* The T at `address` + PLUS bytes. PLUS is part of the instruction; through a pointer the compiler
 * adds the start of shared memory to every address, an instruction an entry.
 */
template <typename T, int PLUS>
INLINE T shared_at(u32 address) {
#ifdef CUHOST
  return *reinterpret_cast<const T*>(shared_memory() + address + PLUS);
#else
  static_assert(sizeof(T) == 2 || sizeof(T) == 4, "u16 or u32 by their bits");
  if (sizeof(T) == 4) {
    u32 word;
    asm volatile("ld.shared.u32 %0, [%1+%2];" : "=r"(word) : "r"(address), "n"(PLUS));
    return first_bytes<T>(word);
  }
  u16 half;
  asm volatile("ld.shared.u16 %0, [%1+%2];" : "=h"(half) : "r"(address), "n"(PLUS));
  return first_bytes<T>(half);
#endif
}

/* Begins to copy 16 bytes from global to shared memory, past the L1 cache and the registers. Until
 * `copy_wait` nobody may look at them; then the lane that asked may, and others after a barrier.
 */
INLINE void copy_async(u32* to, const u32* from) {
#if defined(CUHOST) || __CUDA_ARCH__ < 800
  *reinterpret_cast<Words*>(to) = *reinterpret_cast<const Words*>(from);
#else
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(to)), "l"(from));
#endif
}

/* Until all is there that this lane has asked `copy_async` for. */
INLINE void copy_wait() {
#if !defined(CUHOST) && __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_all;" ::: "memory");
#endif
}

/* Where `past` is not 0: `now` is what `next` was, and `next` is read from shared memory at `ahead`,
 * which moves on by STEP bytes. From C++ the compiler makes two moves more of it.
 */
template <int STEP>
INLINE void next_word(u32 past, u32& now, u32& next, u32& ahead) {
#ifdef CUHOST
  if (!past) return;
  now = next;
  next = shared_at<u32, 0>(ahead);
  ahead += STEP;
#else
  asm volatile(
      "{ .reg .pred past;\n"
      "  setp.ne.u32 past, %3, 0;\n"
      "  @past mov.u32 %0, %1;\n"
      "  @past ld.shared.u32 %1, [%2];\n"
      "  @past add.u32 %2, %2, %4; }"
      : "+r"(now), "+r"(next), "+r"(ahead)
      : "r"(past), "n"(STEP));
#endif
}

/* The number of the highest set bit of v, which has one. An instruction less than from __clz. */
INLINE u32 highest_bit(u32 v) {
#ifdef CUHOST
  return 31 - __clz(v);
#else
  u32 number;
  asm("bfind.u32 %0, %1;" : "=r"(number) : "r"(v));
  return number;
#endif
}

/* v plus v of the lane `by` below; lanes below `by` keep v. The shuffle's own predicate guards the
 * addition: two instructions a step of a scan, without comparing lanes.
 */
INLINE u32 add_from_below(u32 v, int by) {
#ifdef CUHOST
  const u32 below = __shfl_up_sync(0xffffffffu, v, by);
  return threadIdx.x % 32 >= u32(by) ? v + below : v;
#else
  asm volatile(
      "{ .reg .pred inside; .reg .u32 below;\n"
      "  shfl.sync.up.b32 below|inside, %0, %1, 0, 0xffffffff;\n"
      "  @inside add.u32 %0, %0, below; }"
      : "+r"(v)
      : "r"(by));
  return v;
#endif
}

/* The device's clock, in nanoseconds; it may stand still for a microsecond. */
INLINE u64 nanoseconds() {
#ifdef CUHOST
  static u64 now = 0;
  return now += 1000;
#else
  u64 now;
  asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now));
  return now;
#endif
}
