"""Bitmap: values spread out to their columns by the mask, in registers.

    mask         1 1 0 0 0 1 0 ...        32 bits, half a word; of float32 values 16
    values       a b c ...                the next 32 in memory, some of them for later
    expanded     a b 0 0 0 c 0 ...        vpexpandw; then widened and multiplied as in `dense`
    x            x0 x1 x2 x3 x4 x5 x6 ... 32 in memory

At low densities most of that is zeros. `Compress` brings x, in 16 bits, to the values instead:

    mask         1 1 0 0 0 1 0 ...        32 bits of a word
    x            x0 x1 x2 x3 x4 x5 x6 ... 32 in memory
    found        x0 x1 x5 ...             vpcompressw, written behind what was found before
    values       a  b  c  ...             then as `dense`, with found for x

AVX2 has neither: `Table` spreads out 8 values by a look-up of how to, one of 256 (`vpshufb`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from spmvbench.cpu.bits import count_ones
from spmvbench.cpu.jit import njit
from spmvbench.cpu.simd import room, several_rows
from spmvbench.cpu.simd.dispatch import kernels
from spmvbench.cpu.simd.lanes import add, fma, keep, total, widen, zeros
from spmvbench.cpu.simd.room import BEFORE, WIDE
from spmvbench.cpu.simd.tables import spread, tables
from spmvbench.cpu.simd.vectors import load, opaque, peek, pointer, prefetch_l2
from spmvbench.cpu.simd.words import AHEAD, compress_row, expand_word
from spmvbench.cpu.tier import AVX2
from spmvbench.dtypes import Array
from spmvbench.formats.base import Target

LOW = 0.36
"""Density below which x is brought to the values, if its 16-bit copy is exact."""

SHORT = 1024
"""Columns below which a row is too short for that: it takes two passes."""


class Expand(NamedTuple):
    """The arrays with room behind, and x with room around."""

    mask: Array
    values: Array
    pointers: Array
    floats: Array
    words: int


class Wide(NamedTuple):
    """As `Expand`, and a 16-bit copy of x, which stays in the L1 cache longer."""

    mask: Array
    values: Array
    pointers: Array
    floats: Array
    words: int
    halves: Array
    exact: Array


class Compress(NamedTuple):
    """As `Wide`, and for each part the x of a row's values."""

    mask: Array
    values: Array
    pointers: Array
    floats: Array
    words: int
    halves: Array
    exact: Array
    found: Array


class Table(NamedTuple):
    """As `Expand`, and the look-up table."""

    mask: Array
    values: Array
    pointers: Array
    floats: Array
    words: int
    table: Array


Matrix = Expand | Wide | Compress | Table | several_rows.Expand | several_rows.Table


def matrix(device: Target, tier: str, arrays: tuple[Array, Array, Array], cols: int) -> Matrix:
    """The arrays on the device, in the type of the kernel that suits tier and density.

    `arrays`: mask, values in the types of `cpu.floats`, row pointers.
    """
    if device.batch > 1:
        return several_rows.bitmap(device, tier, arrays)
    mask, values, pointers = arrays
    words = mask.shape[1]
    floats = room.for_x(device, 64 * words, "float32")
    given = room.put(device, mask), room.put(device, values), device.put(pointers), floats, words
    if tier == AVX2:
        return Table(*given, device.put(tables(values.itemsize)))
    halves, exact = room.for_halves(device, 64 * words, values), device.empty(1, "bool")
    dense = values.size > LOW * mask.shape[0] * cols or cols < SHORT
    if not halves.size or (dense and cols <= WIDE):
        return Expand(*given)
    if dense:
        return Wide(*given, halves, exact)
    found = device.empty((device.threads, 64 * (words + 1)), str(halves.dtype))
    return Compress(*given, halves, exact, found)


@njit(inline=True)
def _dot(values: Any, at: Any, x: Any, count: Any) -> Any:
    """The product of so many 16-bit values with as many x, zeros behind them."""
    a, b, c, d = zeros(16), zeros(16), zeros(16), zeros(16)
    i = np.int64(0)
    while i + 64 <= count:
        prefetch_l2(values, at + i + AHEAD)
        prefetch_l2(values, at + i + AHEAD + 32)
        a = fma(widen(load(values, at + i, 16)), widen(load(x, i, 16)), a)
        b = fma(widen(load(values, at + i + 16, 16)), widen(load(x, i + 16, 16)), b)
        c = fma(widen(load(values, at + i + 32, 16)), widen(load(x, i + 32, 16)), c)
        d = fma(widen(load(values, at + i + 48, 16)), widen(load(x, i + 48, 16)), d)
        i += 64
    while i < count:
        bits = (np.uint64(1) << np.uint64(min(count - i, 16))) - np.uint64(1)
        a = fma(widen(keep(load(values, at + i, 16), bits)), widen(load(x, i, 16)), a)
        i += 16
    return total(add(add(a, b), add(c, d)))


def nanoseconds(matrix: Matrix, batch: int) -> float:
    """What a product takes in one thread, roughly: words count, and hardly what is set in them."""
    return max(2.0, 1.2 * batch) * matrix.mask.size


@njit()
def _expanded(matrix: Any, x: Any, y: Any, first: Any, last: Any) -> None:
    values = pointer(matrix.values, 0)
    mask, pointers, words = pointer(matrix.mask, 0), matrix.pointers, np.int64(matrix.words)
    for row in range(first, last):
        at = np.int64(pointers[row])
        a, b, c, d = zeros(16), zeros(16), zeros(16), zeros(16)
        i = np.int64(0)
        while i < words:
            word = peek(mask, row * words + i)
            p, q, r, s = expand_word(values, at, word)
            a = fma(p, widen(load(x, 64 * i, 16)), a)
            b = fma(q, widen(load(x, 64 * i + 16, 16)), b)
            c = fma(r, widen(load(x, 64 * i + 32, 16)), c)
            d = fma(s, widen(load(x, 64 * i + 48, 16)), d)
            at += np.int64(count_ones(word))
            i = opaque(i + 1)
        y[row] = total(add(add(a, b), add(c, d)))


@njit()
def _compressed(matrix: Any, y: Any, first: Any, last: Any, part: Any) -> Any:
    values, x = pointer(matrix.values, 0), pointer(matrix.halves, BEFORE)
    mask, pointers, words = pointer(matrix.mask, 0), matrix.pointers, np.int64(matrix.words)
    found = pointer(matrix.found, part * matrix.found.shape[1])
    for row in range(first, last):
        compress_row(mask, row * words, words, x, found)
        at = np.int64(pointers[row])
        y[row] = _dot(values, at, found, np.int64(pointers[row + 1]) - at)


def _expand_rows(matrix: Any, y: Any, first: Any, last: Any, part: Any) -> Any:
    _expanded(matrix, pointer(matrix.floats, BEFORE), y, first, last)


def _wide_rows(matrix: Any, y: Any, first: Any, last: Any, part: Any) -> Any:
    if matrix.exact[0]:
        _expanded(matrix, pointer(matrix.halves, BEFORE), y, first, last)
    else:
        _expanded(matrix, pointer(matrix.floats, BEFORE), y, first, last)


def _compress_rows(matrix: Any, y: Any, first: Any, last: Any, part: Any) -> Any:
    if matrix.exact[0]:
        _compressed(matrix, y, first, last, part)
    else:
        _expanded(matrix, pointer(matrix.floats, BEFORE), y, first, last)


def _table_rows(matrix: Any, y: Any, first: Any, last: Any, part: Any) -> Any:
    table = pointer(matrix.table, 0)
    values, x = pointer(matrix.values, 0), pointer(matrix.floats, 0)
    mask, pointers, words = pointer(matrix.mask, 0), matrix.pointers, np.int64(matrix.words)
    for row in range(first, last):
        at = np.int64(pointers[row])
        a, b = zeros(8), zeros(8)
        for i in range(words):
            word = peek(mask, row * words + i)
            prefetch_l2(values, at + AHEAD)
            column = BEFORE + 64 * i
            for _ in range(4):
                bits = word & np.uint64(255)
                middle = at + np.int64(count_ones(bits))
                upper = (word >> np.uint64(8)) & np.uint64(255)
                low = spread(load(values, at, 8), table, bits)
                high = spread(load(values, middle, 8), table, upper)
                a = fma(widen(low), load(x, column, 8), a)
                b = fma(widen(high), load(x, column + 8, 8), b)
                at = middle + np.int64(count_ones(upper))
                word >>= np.uint64(16)
                column += 16
        y[row] = total(add(a, b))


kernels(Expand, room.take_floats, _expand_rows)
kernels(Wide, room.take_both, _wide_rows)
kernels(Compress, room.take_both, _compress_rows)
kernels(Table, room.take_floats, _table_rows)
