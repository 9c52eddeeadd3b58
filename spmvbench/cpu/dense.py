"""The dense product of 16-bit weights: every element is converted and multiplied."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange
from numba.extending import overload

from spmvbench.cpu.floats import to_float32, widen
from spmvbench.cpu.jit import njit
from spmvbench.dtypes import Array


def _multiply_row(values: Any, x: Any, y: Any, row: Any, floats: Any) -> None:
    raise NotImplementedError


def _one_vector(values: Any, x: Any, y: Any, row: Any, floats: Any) -> Any:
    total = np.float32(0)
    for i in range(values.size):
        total += to_float32(values[i]) * x[i]
    y[row] = total


def _many_vectors(values: Any, x: Any, y: Any, row: Any, floats: Any) -> Any:
    y[row] = 0
    for at in range(0, values.size, floats.size):
        wide = widen(values[at : at + floats.size], floats)
        for i in range(wide.size):
            for j in range(x.shape[1]):
                y[row, j] += wide[i] * x[at + i, j]


def _choose(values: Any, x: Any, y: Any, row: Any, floats: Any) -> Any:
    return _one_vector if x.ndim == 1 else _many_vectors


overload(_multiply_row)(_choose)


@njit(any_order=True)
def product_rows(values: Array, x: Array, y: Array, first: int, last: int, scratch: Array) -> None:
    """Write rows first .. last of y = A x. Shape: scratch as `launch.scratch` makes it."""
    floats = scratch[0].view(np.float32)
    for row in range(first, last):
        _multiply_row(values[row], x, y, row, floats)


@njit(parallel=True)
def product(values: Array, x: Array, y: Array, bounds: Array, scratch: Array) -> None:
    """Write y = A x, rows bounds[i] .. bounds[i + 1] in one thread each."""
    for part in prange(bounds.size - 1):
        product_rows(values, x, y, bounds[part], bounds[part + 1], scratch[part])
