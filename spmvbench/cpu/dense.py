"""The dense product of 16-bit weights: every element is converted and multiplied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba import prange

from spmvbench.cpu.floats import to_float32
from spmvbench.cpu.jit import njit
from spmvbench.cpu.launch import Scratch
from spmvbench.dtypes import Array

FEW = 32
"""Vectors up to which our SIMD kernel is faster than BLAS, which is made for many."""

ROWS_AT_ONCE = 64
"""Rows converted before several vectors multiply them: 1 MiB of float32 at 4096 columns."""


@njit(any_order=True)
def _dot(values: Array, x: Array) -> Any:
    total = np.float32(0)
    for i in range(values.size):
        total += to_float32(values[i]) * x[i]
    return total


@njit()
def product_rows(
    values: Array, x: Array, y: Array, first: int, last: int, scratch: Scratch, part: Any
) -> None:
    """Write rows first .. last of y = A x, for one vector. Needs no buffers."""
    for row in range(first, last):
        y[row] = _dot(values[row], x)


@njit(parallel=True)
def product(values: Array, x: Array, y: Array, bounds: Array, scratch: Scratch) -> None:
    """Write y = A x for one vector, rows bounds[i] .. bounds[i + 1] in one thread each."""
    for part in prange(bounds.size - 1):
        product_rows(values, x, y, bounds[part], bounds[part + 1], scratch, np.int64(part))


@njit(parallel=True)
def convert(values: Array, floats: Array) -> None:
    """Write the values as float32. Shapes: both (rows, cols)."""
    for row in prange(values.shape[0]):
        for column in range(values.shape[1]):
            floats[row, column] = to_float32(values[row, column])


def many_vectors(values: Array) -> Callable[[Array, Array], None]:
    """The product with several vectors, by NumPy's BLAS: a hand-written loop is slower."""

    def of_floats(x: Array, y: Array) -> None:
        np.matmul(values, x, out=y)

    return of_floats if values.dtype == np.float32 else in_blocks(convert, (values,), values.shape)


def in_blocks(
    expand: Callable[..., None], arrays: Sequence[Array], shape: tuple[int, ...]
) -> Callable[[Array, Array], None]:
    """The product with several vectors of what `expand(*arrays, floats)` writes as float32.

    A block of rows at a time is written into a buffer that stays in the L2 cache.
    Shapes: each array (rows, ...), floats (rows, cols).
    """
    rows, cols = shape
    buffer = np.empty((min(ROWS_AT_ONCE, rows), cols), np.float32)

    def of_blocks(x: Array, y: Array) -> None:
        for first in range(0, rows, ROWS_AT_ONCE):
            floats = buffer[: rows - first]
            expand(*(array[first : first + ROWS_AT_ONCE] for array in arrays), floats)
            np.matmul(floats, x, out=y[first : first + ROWS_AT_ONCE])

    expand(*(array[:0] for array in arrays), buffer[:0])
    return of_blocks
