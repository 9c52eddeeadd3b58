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
