"""The read bandwidth probe: the sum of a buffer, the least work there is per byte read."""

from __future__ import annotations

import numpy as np
from numba import prange

from spmvbench.cpu.jit import njit
from spmvbench.dtypes import Array


@njit(any_order=True)
def _sum(part: Array) -> float:
    """A function of its own, and by index: LLVM vectorises no other, and scalar is 5x slower."""
    total = np.float32(0)
    for i in range(part.size):
        total += part[i]
    return float(total)


@njit(parallel=True)
def read(buffer: Array, threads: int) -> float:
    """Read every value of a float32 buffer once, one contiguous part per thread; give the sum."""
    size = buffer.size // threads
    sums = np.zeros(threads)
    for t in prange(threads):
        sums[t] = _sum(buffer[t * size : (t + 1) * size])
    return float(sums.sum())
