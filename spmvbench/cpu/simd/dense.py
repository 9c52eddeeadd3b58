"""The dense product: 16 values widened, 16 of x, one multiplication and addition for all of them.

values    | 16 of 16 bits |     one load
widened   | 16 of 32 bits |     vcvtph2ps (bfloat16: a shift; float32: nothing)
x         | 16 of 32 bits |     from the L1 cache
sums      | 16 of 32 bits |     vfmadd; four such registers hide its latency
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from spmvbench.cpu.jit import njit
from spmvbench.cpu.simd import room, several_rows
from spmvbench.cpu.simd.dispatch import kernels
from spmvbench.cpu.simd.lanes import add, fma, keep, total, widen, zeros
from spmvbench.cpu.simd.room import BEFORE, WIDE
from spmvbench.cpu.simd.vectors import load, pointer, prefetch_l2
from spmvbench.dtypes import Array
from spmvbench.formats.base import Target

AHEAD = 4096
"""Elements between a load and its prefetch into the L2 cache."""


class Dense(NamedTuple):
    """Values row after row, with room behind; x with room around."""

    values: Array
    floats: Array
    cols: int


class Wide(NamedTuple):
    """As `Dense`, and a 16-bit copy of x, which stays in the L1 cache longer.

    Where it is not exact, and for float32 values, four rows share each load of x.
    """

    values: Array
    floats: Array
    cols: int
    halves: Array
    exact: Array


Matrix = Dense | Wide | several_rows.Dense


def matrix(device: Target, values: Array) -> Matrix:
    """The arrays on the device. Shape: values (rows, cols), in the types of `cpu.floats`."""
    if device.batch > 1:
        return several_rows.dense(device, values)
    cols = values.shape[1]
    given = room.put(device, values), room.for_x(device, cols, "float32"), cols
    if cols <= WIDE or values.itemsize == 4:
        return Dense(*given)
    return Wide(*given, room.for_halves(device, cols, values), device.empty(1, "bool"))


@njit(inline=True)
def _product(values: Any, at: Any, x: Any, column: Any, sums: Any) -> Any:
    """Add 16 products to the sums."""
    return fma(widen(load(values, at, 16)), widen(load(x, BEFORE + column, 16)), sums)


@njit(inline=True)
def _end(values: Any, at: Any, x: Any, column: Any, cols: Any, sums: Any) -> Any:
    """Add the last products of a row, fewer than 16: what follows belongs to another row."""
    bits = (np.uint64(1) << np.uint64(cols - column)) - np.uint64(1)
    kept = keep(load(values, at, 16), bits)
    return fma(widen(kept), widen(load(x, BEFORE + column, 16)), sums)


@njit(inline=True)
def _row(values: Any, start: Any, x: Any, cols: Any) -> Any:
    a, b, c, d = zeros(16), zeros(16), zeros(16), zeros(16)
    for column in range(0, cols & ~63, 64):
        at = start + column
        prefetch_l2(values, at + AHEAD)
        prefetch_l2(values, at + AHEAD + 32)
        a = _product(values, at, x, column, a)
        b = _product(values, at + 16, x, column + 16, b)
        c = _product(values, at + 32, x, column + 32, c)
        d = _product(values, at + 48, x, column + 48, d)
    for column in range(cols & ~63, cols & ~15, 16):
        a = _product(values, start + column, x, column, a)
    if cols & 15:
        a = _end(values, start + (cols & ~15), x, cols & ~15, cols, a)
    return total(add(add(a, b), add(c, d)))


@njit(inline=True)
def _four_rows(values: Any, start: Any, x: Any, cols: Any) -> Any:
    a, b, c, d = zeros(16), zeros(16), zeros(16), zeros(16)
    for column in range(0, cols & ~15, 16):
        at = start + column
        for row in range(4, 8):
            prefetch_l2(values, at + row * cols)
        a = _product(values, at, x, column, a)
        b = _product(values, at + cols, x, column, b)
        c = _product(values, at + 2 * cols, x, column, c)
        d = _product(values, at + 3 * cols, x, column, d)
    if cols & 15:
        column = cols & ~15
        at = start + column
        a = _end(values, at, x, column, cols, a)
        b = _end(values, at + cols, x, column, cols, b)
        c = _end(values, at + 2 * cols, x, column, cols, c)
        d = _end(values, at + 3 * cols, x, column, cols, d)
    return total(a), total(b), total(c), total(d)


def nanoseconds(matrix: Matrix, batch: int) -> float:
    """What a product takes in one thread, roughly: it reads memory as fast as one core can."""
    return max(matrix.values.nbytes / 30, 0.012 * batch * matrix.values.size)


@njit(inline=True)
def write_rows(values: Any, x: Any, cols: Any, y: Any, first: Any, last: Any) -> None:
    """Write rows first .. last of y = values x. Pointers: values, x as `room.for_x` has it."""
    row = first
    if cols > WIDE:
        while row + 4 <= last:
            y[row], y[row + 1], y[row + 2], y[row + 3] = _four_rows(values, row * cols, x, cols)
            row += 4
    while row < last:
        y[row] = _row(values, row * cols, x, cols)
        row += 1


def _rows(matrix: Any, y: Any, first: Any, last: Any, part: Any) -> Any:
    values, x = pointer(matrix.values, 0), pointer(matrix.floats, 0)
    write_rows(values, x, np.int64(matrix.cols), y, first, last)


def _wide_rows(matrix: Any, y: Any, first: Any, last: Any, part: Any) -> Any:
    values, cols = pointer(matrix.values, 0), np.int64(matrix.cols)
    if matrix.exact[0]:
        x = pointer(matrix.halves, 0)
        for row in range(first, last):
            y[row] = _row(values, row * cols, x, cols)
    else:
        write_rows(values, pointer(matrix.floats, 0), cols, y, first, last)


kernels(Dense, room.take_floats, _rows)
kernels(Wide, room.take_both, _wide_rows)
