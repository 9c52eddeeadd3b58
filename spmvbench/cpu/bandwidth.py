"""The read bandwidth probe: the sum of a buffer, the least work there is per byte read."""

from __future__ import annotations

import numba
import numpy as np

from spmvbench.cpu.jit import njit
from spmvbench.dtypes import Array


@njit(parallel=True, any_order=True)
def read(buffer: Array, threads: int) -> float:
    """Read every value of a float32 buffer once, one contiguous part per thread; give the sum."""
    part = buffer.size // threads
    sums = np.zeros(threads, np.float32)
    for t in numba.prange(threads):
        total = np.float32(0)
        for i in range(t * part, (t + 1) * part):
            total += buffer[i]
        sums[t] = total
    return float(sums.sum())
