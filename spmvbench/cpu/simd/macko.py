"""MACKO: gap codes to columns by one multiplication, then x at those columns.

Groups are aligned in the arrays, rows are not. A group that two rows share is decoded for both
(`gaps`); entries of the other row are cut off the values. How x is found, `lookups` says.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload

from spmvbench.cpu.jit import njit
from spmvbench.cpu.simd import room, several_entries
from spmvbench.cpu.simd.dispatch import kernels
from spmvbench.cpu.simd.gaps import decode_row
from spmvbench.cpu.simd.lanes import add, fma, keep, total, widen, zeros
from spmvbench.cpu.simd.lookups import (
    Floats64,
    Floats128,
    Halves128,
    Halves256,
    Pairs,
    Singly,
    fetch,
    fetch_two,
)
from spmvbench.cpu.simd.room import BEFORE
from spmvbench.cpu.simd.vectors import (
    load,
    peek,
    pointer,
    prefetch_l1,
    prefetch_l2,
)
from spmvbench.cpu.tier import AVX512
from spmvbench.dtypes import Array
from spmvbench.formats.base import Target

NARROW = 0.4
"""Entries per element from which 32 of them mostly lie in a window of 128 columns."""

SPREAD = 0.2
"""And 16 of them. Below, they lie in one of 256, which takes twice the loads."""

AHEAD = 4096
"""Entries between a load and its prefetch into the L2 cache."""

NEAR = 1024
"""The same into the L1 cache, for single loads: they leave memory more time."""


class Macko(NamedTuple):
    """The arrays with room behind, x with room around in two types, and a row's offsets.

    Its types below differ in how x is looked up: another type is another kernel.
    """

    values: Array
    deltas: Array
    pointers: Array
    floats: Array
    halves: Array
    exact: Array
    offsets: Array


class Near(Macko):
    """Pairs of groups mostly lie in a window."""


class Middle(Macko):
    """Groups mostly do."""


class Far(Macko):
    """Groups mostly need the widest window."""


class Single(Macko):
    """No windows: AVX2."""


Matrix = Macko | several_entries.Macko


def matrix(
    device: Target, tier: str, arrays: tuple[Array, Array, Array], shape: tuple[int, int]
) -> Matrix:
    """The arrays on the device, with the lookups that suit tier and density.

    `arrays`: values in the types of `cpu.floats`, deltas, row pointers.
    """
    rows, cols = shape
    if device.batch > 1:
        return several_entries.macko(device, arrays, cols)
    values, deltas, pointers = arrays
    stored = int(pointers[-1]) / max(rows * cols, 1)
    windows = Near if stored >= NARROW else Middle if stored >= SPREAD else Far
    kind: type[Macko] = windows if tier == AVX512 else Single
    return kind(
        room.put(device, values),
        room.put(device, deltas),
        device.put(pointers),
        room.for_x(device, cols, "float32"),
        room.for_halves(device, cols, values),
        device.empty(1, "bool"),
        room.for_offsets(device, pointers),
    )


def lookups(matrix: Any) -> Any:
    """How x is looked up where its 16-bit copy is exact, and where it is not; for kernels only."""
    raise NotImplementedError("lookups is for compiled kernels")


def _near(matrix: Any) -> Any:
    return Pairs(128), Floats64(64)


def _middle(matrix: Any) -> Any:
    return Halves128(128), Floats128(128)


def _far(matrix: Any) -> Any:
    return Halves256(256), Singly(1)


def _single(matrix: Any) -> Any:
    return Singly(1), Singly(1)


_LOOKUPS = {Near: _near, Middle: _middle, Far: _far, Single: _single}


def _lookups(matrix: Any) -> Any:
    return _LOOKUPS[matrix.instance_class]


overload(lookups)(_lookups)


@njit(inline=True)
def _lanes(first: Any, end: Any) -> Any:
    """Bits first .. end of 16."""
    ones = np.uint64(0xFFFF)
    return (ones << np.uint64(first)) & (ones >> np.uint64(16 - end))


@njit(inline=True)
def _row(values: Any, begin: Any, end: Any, where: Any, x: Any, offsets: Any) -> Any:
    """The sum of a row that is not empty, its offsets decoded."""
    group, last = begin >> 4, (end - 1) >> 4
    base = np.int64(BEFORE)
    lane = begin & 15
    if lane:
        base -= np.int64(peek(offsets, lane - 1)) + 1
    at = np.int64(0)
    span = np.int64(peek(offsets, 15))
    stop = np.int64(16) if group < last else end - 16 * last
    kept = keep(load(values, 16 * group, 16), _lanes(lane, stop))
    a, b = fma(widen(kept), fetch(where, x, base, offsets, at, span), zeros(16)), zeros(16)
    if group == last:
        return total(a)
    while group + 3 <= last:
        prefetch(where, values, 16 * group)
        base += span + 1
        span, next_span = np.int64(peek(offsets, at + 31)), np.int64(peek(offsets, at + 47))
        here, next_ = fetch_two(where, x, base, offsets, at + 16, span, next_span)
        b = fma(widen(load(values, 16 * group + 16, 16)), here, b)
        a = fma(widen(load(values, 16 * group + 32, 16)), next_, a)
        base += span + 1
        span = next_span
        at += 32
        group += 2
    if group + 2 <= last:
        base += span + 1
        at += 16
        group += 1
        span = np.int64(peek(offsets, at + 15))
        b = fma(widen(load(values, 16 * group, 16)), fetch(where, x, base, offsets, at, span), b)
    base += span + 1
    at += 16
    kept = keep(load(values, 16 * last, 16), _lanes(0, end - 16 * last))
    b = fma(widen(kept), fetch(where, x, base, offsets, at, np.int64(peek(offsets, at + 15))), b)
    return total(add(a, b))


def prefetch(where: Any, values: Any, at: Any) -> None:
    """Fetch what follows; for kernels only."""
    raise NotImplementedError("prefetch is for compiled kernels")


def _prefetch_far(where: Any, values: Any, at: Any) -> None:
    prefetch_l2(values, at + AHEAD)


def _prefetch_near(where: Any, values: Any, at: Any) -> None:
    prefetch_l1(values, at + NEAR)


def _choose(where: Any, values: Any, at: Any) -> Any:
    return _prefetch_near if where.instance_class is Singly else _prefetch_far


overload(prefetch)(_choose)


@njit()
def _sum_rows(matrix: Any, where: Any, x: Any, y: Array, first: Any, last: Any, part: Any) -> None:
    pointers, values, codes = matrix.pointers, pointer(matrix.values, 0), pointer(matrix.deltas, 0)
    offsets = pointer(matrix.offsets, part * matrix.offsets.shape[1])
    for row in range(first, last):
        begin, end = np.int64(pointers[row]), np.int64(pointers[row + 1])
        decode_row(codes, begin, end, offsets)
        y[row] = _row(values, begin, end, where, x, offsets) if begin < end else 0


def nanoseconds(matrix: Matrix, batch: int) -> float:
    """What a product takes in one thread, roughly, by the way to look up x."""
    each: dict[type, float] = {Near: 0.08, Middle: 0.09, Far: 0.14, Single: 0.2}
    return each.get(type(matrix), 0.3) * matrix.values.size


def _rows(matrix: Any, y: Any, first: Any, last: Any, part: Any) -> Any:
    exactly, otherwise = lookups(matrix)
    if matrix.exact[0]:
        _sum_rows(matrix, exactly, pointer(matrix.halves, 0), y, first, last, part)
    else:
        _sum_rows(matrix, otherwise, pointer(matrix.floats, 0), y, first, last, part)


for _kind in (Near, Middle, Far, Single):
    kernels(_kind, room.take_both, _rows)
