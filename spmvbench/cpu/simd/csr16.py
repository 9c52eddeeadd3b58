"""CSR with 16-bit columns: 16 single loads of x for 16 values.

columns    | c0 c1 c2 c3 | c4 ... |     64 bits each; columns are shifted out of them
x          | x[c0] x[c1] ... x[c15] |   single loads from the L1 cache, of 16 bits if they are exact
values     | 16 of 16 bits |            widened and multiplied as in `dense`
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from spmvbench.cpu.jit import njit
from spmvbench.cpu.simd import room, several_entries
from spmvbench.cpu.simd.dispatch import kernels
from spmvbench.cpu.simd.lanes import add, fma, keep, total, widen, zeros
from spmvbench.cpu.simd.lookups import by_words
from spmvbench.cpu.simd.room import BEFORE
from spmvbench.cpu.simd.vectors import load, pointer, prefetch_l1
from spmvbench.dtypes import Array
from spmvbench.formats.base import Target

AHEAD = 1024
"""Entries between a load and its prefetch into the L1 cache."""


class Csr16(NamedTuple):
    """The arrays with room behind; x with room around, in two types."""

    values: Array
    columns: Array
    pointers: Array
    floats: Array
    halves: Array
    exact: Array


Matrix = Csr16 | several_entries.Csr16


def matrix(device: Target, arrays: tuple[Array, Array, Array], cols: int) -> Matrix:
    """The arrays on the device: values in the types of `cpu.floats`, columns, row pointers."""
    if device.batch > 1:
        return several_entries.csr16(device, arrays, cols)
    values, columns, pointers = arrays
    given = room.put(device, values), room.put(device, columns), device.put(pointers)
    halves, exact = room.for_halves(device, cols, values), device.empty(1, "bool")
    return Csr16(*given, room.for_x(device, cols, "float32"), halves, exact)


def nanoseconds(matrix: Matrix, batch: int) -> float:
    """What a product takes in one thread, roughly."""
    return (0.16 if batch == 1 else 0.25) * matrix.values.size


@njit()
def _sum_rows(matrix: Any, x: Any, y: Array, first: Any, last: Any) -> None:
    values, columns = pointer(matrix.values, 0), pointer(matrix.columns, 0)
    pointers = matrix.pointers
    for row in range(first, last):
        at, end = np.int64(pointers[row]), np.int64(pointers[row + 1])
        a, b = zeros(16), zeros(16)
        while at + 32 <= end:
            prefetch_l1(values, at + AHEAD)
            prefetch_l1(columns, at + AHEAD)
            a = fma(widen(load(values, at, 16)), widen(by_words(x, BEFORE, columns, at)), a)
            next_x = widen(by_words(x, BEFORE, columns, at + 16))
            b = fma(widen(load(values, at + 16, 16)), next_x, b)
            at += 32
        while at < end:
            bits = (np.uint64(1) << np.uint64(end - at)) - np.uint64(1)
            kept = keep(load(values, at, 16), bits)
            a = fma(widen(kept), widen(by_words(x, BEFORE, columns, at)), a)
            at += 16
        y[row] = total(add(a, b))


def _rows(matrix: Any, y: Any, first: Any, last: Any, part: Any) -> Any:
    if matrix.exact[0]:
        _sum_rows(matrix, pointer(matrix.halves, 0), y, first, last)
    else:
        _sum_rows(matrix, pointer(matrix.floats, 0), y, first, last)


kernels(Csr16, room.take_both, _rows)
