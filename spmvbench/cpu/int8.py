"""The product of int8 weights with a scale a row: as dense, and the sum times the scale."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from spmvbench.cpu import dense
from spmvbench.cpu.jit import njit
from spmvbench.cpu.launch import Scratch
from spmvbench.dtypes import Array


@njit()
def product_rows(
    values: Array,
    scales: Array,
    x: Array,
    y: Array,
    first: int,
    last: int,
    scratch: Scratch,
    part: Any,
) -> None:
    """Write rows first .. last of y = A x, for one vector. Needs no buffers."""
    dense.product_rows(values, x, y, first, last, scratch, part)
    for row in range(first, last):
        y[row] *= scales[row]


@njit(parallel=True)
def product(
    values: Array, scales: Array, x: Array, y: Array, bounds: Array, scratch: Scratch
) -> None:
    """Write y = A x for one vector, rows bounds[i] .. bounds[i + 1] in one thread each."""
    for part in prange(bounds.size - 1):
        first, last = bounds[part], bounds[part + 1]
        product_rows(values, scales, x, y, first, last, scratch, np.int64(part))


@njit(parallel=True)
def expand(values: Array, scales: Array, floats: Array) -> None:
    """Write the values times their scales as float32. Shapes: values and floats (rows, cols)."""
    for row in prange(values.shape[0]):
        for column in range(values.shape[1]):
            floats[row, column] = np.float32(values[row, column]) * scales[row]
