"""Where the non-zeros of a row are: the first pass of every packing.

Rows come as bits, uint16 or uint32, and `magnitude` masks the sign off: -0.0 is zero, NaN is not.
"""

from __future__ import annotations

from typing import Any

from numba import prange

from spmvbench.cpu.jit import njit
from spmvbench.dtypes import Array


@njit()
def used_columns(row: Any, magnitude: Any) -> Any:
    """The columns up to and including the last non-zero: what follows costs nothing to store."""
    used = row.size
    while used > 0 and (row[used - 1] & magnitude) == 0:
        used -= 1
    return used


@njit(parallel=True)
def count(bits: Array, magnitude: Any, counts: Array) -> None:
    """Write the number of non-zeros of each row. Shapes: bits (rows, cols), counts (rows,)."""
    for row in prange(bits.shape[0]):
        found = 0
        for column in range(bits.shape[1]):
            found += (bits[row, column] & magnitude) != 0
        counts[row] = found
