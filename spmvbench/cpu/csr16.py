"""CSR with 16-bit columns: pack, unpack and product, one row at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from spmvbench.cpu.jit import njit
from spmvbench.cpu.launch import PIECE, Scratch
from spmvbench.cpu.nonzeros import used_columns
from spmvbench.cpu.products import add_products
from spmvbench.dtypes import Array


@njit(parallel=True)
def fill(bits: Array, magnitude: Any, pointers: Array, values: Array, columns: Array) -> None:
    """Write values and columns of the non-zeros of each row where its row pointer says.

    Writing first and moving on only after a non-zero needs no branch to be guessed. It stays inside
    the row because the row ends at its last non-zero.
    """
    for row in prange(bits.shape[0]):
        at = pointers[row]
        for column in range(used_columns(bits[row], magnitude)):
            value = bits[row, column]
            values[at] = value
            columns[at] = column
            at += (value & magnitude) != 0


@njit()
def unpack(values: Array, columns: Array, pointers: Array, dense: Array) -> None:
    """Write the stored entries into a matrix of zeros. Shape: dense (rows, cols)."""
    for row in range(dense.shape[0]):
        for at in range(pointers[row], pointers[row + 1]):
            dense[row, columns[at]] = values[at]


@njit()
def product_rows(
    values: Array,
    columns: Array,
    pointers: Array,
    x: Array,
    y: Array,
    first: int,
    last: int,
    scratch: Scratch,
    part: Any,
) -> None:
    """Write rows first .. last of y = A x, in the buffers of one part."""
    floats = scratch.floats[part]
    for row in range(first, last):
        y[row] = 0
        end = pointers[row + 1]
        for at in range(pointers[row], end, PIECE):
            stop = min(at + PIECE, end)
            add_products(values[at:stop], columns[at:stop], floats, x, y, row)


@njit(parallel=True)
def product(
    values: Array,
    columns: Array,
    pointers: Array,
    x: Array,
    y: Array,
    bounds: Array,
    scratch: Scratch,
) -> None:
    """Write y = A x, rows bounds[i] .. bounds[i + 1] in one thread each."""
    for part in prange(bounds.size - 1):
        first, last = bounds[part], bounds[part + 1]
        product_rows(values, columns, pointers, x, y, first, last, scratch, np.int64(part))
