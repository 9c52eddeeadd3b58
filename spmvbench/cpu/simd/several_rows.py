"""Several vectors times formats that have values of neighbouring columns in a register.

Rows share each load of x, which for several vectors does not stay in the L1 cache: four of dense
ones, two of a bitmap's, whose odd last row is multiplied twice.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from spmvbench.cpu.bits import count_ones
from spmvbench.cpu.jit import njit
from spmvbench.cpu.simd import room
from spmvbench.cpu.simd.dispatch import kernels
from spmvbench.cpu.simd.lanes import keep, widen
from spmvbench.cpu.simd.room import BEFORE
from spmvbench.cpu.simd.several import outer, put, rows_of_x, start, take_rows, totals, vectors
from spmvbench.cpu.simd.tables import spread, tables
from spmvbench.cpu.simd.vectors import load, opaque, peek, pointer, prefetch_l2
from spmvbench.cpu.simd.words import AHEAD, expand_word
from spmvbench.cpu.tier import AVX2
from spmvbench.dtypes import Array
from spmvbench.formats.base import Target


class Dense(NamedTuple):
    """Values row after row, with room behind; x, a row for each vector."""

    values: Array
    floats: Array
    cols: int
    vectors: Array


class Int8(NamedTuple):
    """As `Dense`, and a scale for each row."""

    values: Array
    floats: Array
    cols: int
    vectors: Array
    scales: Array


class Expand(NamedTuple):
    """The arrays of a bitmap with room behind; x, a row for each vector."""

    mask: Array
    values: Array
    pointers: Array
    floats: Array
    words: int
    vectors: Array


class Table(NamedTuple):
    """As `Expand`, and the look-up table."""

    mask: Array
    values: Array
    pointers: Array
    floats: Array
    words: int
    vectors: Array
    table: Array


def dense(device: Target, values: Array) -> Dense:
    """The arrays on the device. Shape: values (rows, cols), in the types of `cpu.floats`."""
    cols = values.shape[1]
    return Dense(room.put(device, values), rows_of_x(device, cols), cols, vectors(device.batch))


def int8(device: Target, values: Array, scales: Array) -> Int8:
    """The arrays on the device. Shapes: values (rows, cols) int8, scales (rows,) float32."""
    return Int8(*dense(device, values), device.put(scales))


def bitmap(device: Target, tier: str, arrays: tuple[Array, Array, Array]) -> Expand | Table:
    """The arrays on the device: mask, values in the types of `cpu.floats`, row pointers."""
    mask, values, pointers = arrays
    words = mask.shape[1]
    given = (
        room.put(device, mask),
        room.put(device, values),
        device.put(pointers),
        rows_of_x(device, 64 * words),
        words,
        vectors(device.batch),
    )
    return Table(*given, device.put(tables(values.itemsize))) if tier == AVX2 else Expand(*given)


def _take(matrix: Any, x: Any) -> Any:
    take_rows(x, matrix.floats)


@njit(inline=True)
def _some(values: Any, at: Any, bits: Any) -> Any:
    return widen(keep(load(values, at, 16), bits))


@njit(inline=True)
def _four(values: Any, at: Any, cols: Any, bits: Any) -> Any:
    """16 values each of four rows, those whose bit is set."""
    return (
        _some(values, at, bits),
        _some(values, at + cols, bits),
        _some(values, at + 2 * cols, bits),
        _some(values, at + 3 * cols, bits),
    )


@njit(inline=True)
def _tail(cols: Any) -> Any:
    """The bits of the last columns, fewer than 16."""
    return (np.uint64(1) << np.uint64(cols & 15)) - np.uint64(1)


@njit()
def _write_rows(matrix: Any, y: Any, first: Any, last: Any) -> None:
    values, x = pointer(matrix.values, 0), pointer(matrix.floats, BEFORE)
    cols, stride, all_ = np.int64(matrix.cols), np.int64(matrix.floats.shape[1]), np.uint64(0xFFFF)
    whole = cols & ~15
    row = first
    while row + 4 <= last:
        sums = start(4, 16, matrix.vectors)
        for column in range(0, whole, 16):
            at = row * cols + column
            for k in range(4, 8):
                prefetch_l2(values, at + k * cols)
            sums = outer(_four(values, at, cols, all_), x, column, stride, sums)
        if whole < cols:
            four = _four(values, row * cols + whole, cols, _tail(cols))
            sums = outer(four, x, whole, stride, sums)
        put(y, row, totals(sums, 0, 4))
        put(y, row + 1, totals(sums, 1, 4))
        put(y, row + 2, totals(sums, 2, 4))
        put(y, row + 3, totals(sums, 3, 4))
        row += 4
    while row < last:
        sums = start(1, 16, matrix.vectors)
        for column in range(0, whole, 16):
            sums = outer((_some(values, row * cols + column, all_),), x, column, stride, sums)
        if whole < cols:
            one = (_some(values, row * cols + whole, _tail(cols)),)
            sums = outer(one, x, whole, stride, sums)
        put(y, row, totals(sums, 0, 1))
        row += 1


def _dense_rows(matrix: Any, y: Any, first: Any, last: Any, part: Any) -> Any:
    _write_rows(matrix, y, first, last)


def _int8_rows(matrix: Any, y: Any, first: Any, last: Any, part: Any) -> Any:
    _write_rows(matrix, y, first, last)
    scales = matrix.scales
    for row in range(first, last):
        for j in range(y.shape[1]):
            y[row, j] *= scales[row]


def _expand_rows(matrix: Any, y: Any, first: Any, last: Any, part: Any) -> Any:
    mask, values, pointers = pointer(matrix.mask, 0), pointer(matrix.values, 0), matrix.pointers
    x, stride = pointer(matrix.floats, BEFORE), np.int64(matrix.floats.shape[1])
    words = np.int64(matrix.words)
    for row in range(first, last, 2):
        other = min(row + 1, last - 1)
        at, other_at = np.int64(pointers[row]), np.int64(pointers[other])
        sums = start(2, 16, matrix.vectors)
        i = np.int64(0)
        while i < words:
            word, other_word = peek(mask, row * words + i), peek(mask, other * words + i)
            a, b, c, d = expand_word(values, at, word)
            e, f, g, h = expand_word(values, other_at, other_word)
            sums = outer((a, e), x, 64 * i, stride, sums)
            sums = outer((b, f), x, 64 * i + 16, stride, sums)
            sums = outer((c, g), x, 64 * i + 32, stride, sums)
            sums = outer((d, h), x, 64 * i + 48, stride, sums)
            at += np.int64(count_ones(word))
            other_at += np.int64(count_ones(other_word))
            i = opaque(i + 1)
        put(y, row, totals(sums, 0, 2))
        put(y, other, totals(sums, 1, 2))


def _table_rows(matrix: Any, y: Any, first: Any, last: Any, part: Any) -> Any:
    mask, values, pointers = pointer(matrix.mask, 0), pointer(matrix.values, 0), matrix.pointers
    x, stride = pointer(matrix.floats, BEFORE), np.int64(matrix.floats.shape[1])
    words, table = np.int64(matrix.words), pointer(matrix.table, 0)
    for row in range(first, last):
        at = np.int64(pointers[row])
        sums = start(1, 8, matrix.vectors)
        for i in range(words):
            word = peek(mask, row * words + i)
            prefetch_l2(values, at + AHEAD)
            for column in range(64 * i, 64 * i + 64, 8):
                bits = word & np.uint64(255)
                value = widen(spread(load(values, at, 8), table, bits))
                sums = outer((value,), x, column, stride, sums)
                at += np.int64(count_ones(bits))
                word >>= np.uint64(8)
        put(y, row, totals(sums, 0, 1))


kernels(Dense, _take, _dense_rows)
kernels(Int8, _take, _int8_rows)
kernels(Expand, _take, _expand_rows)
kernels(Table, _take, _table_rows)
