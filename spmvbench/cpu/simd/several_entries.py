"""Several vectors times formats that have a column for each value: one load for x of all."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from spmvbench.cpu.simd import room
from spmvbench.cpu.simd.dispatch import kernels
from spmvbench.cpu.simd.gaps import decode_row
from spmvbench.cpu.simd.lanes import keep, widen
from spmvbench.cpu.simd.room import BEFORE
from spmvbench.cpu.simd.several import (
    add_by_bytes,
    add_by_words,
    columns_of_x,
    entry_totals,
    put,
    start_entries,
    take_columns,
    vectors,
)
from spmvbench.cpu.simd.vectors import load, peek, pointer, prefetch_l1
from spmvbench.dtypes import Array
from spmvbench.formats.base import Target

AHEAD = 1024
"""Entries between a load and its prefetch into the L1 cache."""


class Macko(NamedTuple):
    """The arrays with room behind, x with room around, and a row's offsets for each part."""

    values: Array
    deltas: Array
    pointers: Array
    floats: Array
    offsets: Array
    vectors: Array


class Csr16(NamedTuple):
    """The arrays with room behind; x with room around."""

    values: Array
    columns: Array
    pointers: Array
    floats: Array
    vectors: Array


def macko(device: Target, arrays: tuple[Array, Array, Array], cols: int) -> Macko:
    """The arrays on the device: values in the types of `cpu.floats`, deltas, row pointers."""
    values, deltas, pointers = arrays
    given = room.put(device, values), room.put(device, deltas), device.put(pointers)
    offsets = room.for_offsets(device, pointers)
    return Macko(*given, columns_of_x(device, cols), offsets, vectors(device.batch))


def csr16(device: Target, arrays: tuple[Array, Array, Array], cols: int) -> Csr16:
    """The arrays on the device: values in the types of `cpu.floats`, columns, row pointers."""
    values, columns, pointers = arrays
    given = room.put(device, values), room.put(device, columns), device.put(pointers)
    return Csr16(*given, columns_of_x(device, cols), vectors(device.batch))


def _take(matrix: Any, x: Any) -> Any:
    take_columns(x, matrix.floats)


def _macko_rows(matrix: Any, y: Any, first: Any, last: Any, part: Any) -> Any:
    pointers, values, codes = matrix.pointers, pointer(matrix.values, 0), pointer(matrix.deltas, 0)
    offsets = pointer(matrix.offsets, part * matrix.offsets.shape[1])
    x = pointer(matrix.floats, 0)
    for row in range(first, last):
        begin, end = np.int64(pointers[row]), np.int64(pointers[row + 1])
        decode_row(codes, begin, end, offsets)
        group, stop = begin >> 4, (end + 15) >> 4
        lane = begin & 15
        base = np.int64(BEFORE)
        if lane:
            base -= np.int64(peek(offsets, lane - 1)) + 1
        sums = start_entries(matrix.vectors)
        at = np.int64(0)
        while group < stop:
            prefetch_l1(values, 16 * group + AHEAD)
            bits = np.uint64(0xFFFF) << np.uint64(lane)
            bits &= np.uint64(0xFFFF) >> np.uint64(max(int(16 * group + 16 - end), 0))
            value = widen(keep(load(values, 16 * group, 16), bits))
            sums = add_by_bytes(value, x, base, offsets, at, sums)
            base += np.int64(peek(offsets, at + 15)) + 1
            lane = np.int64(0)
            at += 16
            group += 1
        put(y, row, entry_totals(sums))


def _csr16_rows(matrix: Any, y: Any, first: Any, last: Any, part: Any) -> Any:
    values, columns = pointer(matrix.values, 0), pointer(matrix.columns, 0)
    x, pointers = pointer(matrix.floats, 0), matrix.pointers
    for row in range(first, last):
        at, end = np.int64(pointers[row]), np.int64(pointers[row + 1])
        sums = start_entries(matrix.vectors)
        while at < end:
            prefetch_l1(values, at + AHEAD)
            prefetch_l1(columns, at + AHEAD)
            bits = (np.uint64(1) << np.uint64(min(int(end - at), 16))) - np.uint64(1)
            value = widen(keep(load(values, at, 16), bits))
            sums = add_by_words(value, x, BEFORE, columns, at, sums)
            at += 16
        put(y, row, entry_totals(sums))


kernels(Macko, _take, _macko_rows)
kernels(Csr16, _take, _csr16_rows)
