"""Bitmap: values spread out to their columns by the mask, in registers.

    mask         1 1 0 0 0 1 0 ...        16 bits of a word
    values       a b c ...                the next 16 in memory, some of them for later
    expanded     a b 0 0 0 c 0 ...        vpexpandw; then widened and multiplied as in `dense`
    x            x0 x1 x2 x3 x4 x5 x6 ... 16 in memory

At low densities most of that is zeros. `Compress` brings x to the values instead:

    mask         ...0100000100001         64 bits, at most 16 set
    positions    0 5 11                   vpcompressb of 0, 1, 2 ...
    values       a b c                    the next 16 in memory, 13 of them cut off
    x            x0 x5 x11                two vpermi2ps from the word's 64 values of x

AVX2 has neither: `Table` spreads out 8 values by a look-up of how to, one of 256 (`vpshufb`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from spmvbench.cpu.bits import count_ones
from spmvbench.cpu.jit import njit
from spmvbench.cpu.simd import room
from spmvbench.cpu.simd.dispatch import kernels
from spmvbench.cpu.simd.lanes import (
    add,
    by_bit,
    expand,
    fma,
    keep,
    permute,
    positions,
    total,
    widen,
    zeros,
)
from spmvbench.cpu.simd.room import BEFORE
from spmvbench.cpu.simd.tables import spread, tables
from spmvbench.cpu.simd.vectors import load, peek, prefetch_l1, prefetch_l2
from spmvbench.cpu.tier import AVX2
from spmvbench.dtypes import Array
from spmvbench.formats.base import Target

LOW = 0.1
"""Density up to which x is brought to 16-bit values: Zen 4 gains 1.6 times, Zen 5 loses 5 %.

Float32 values need no conversion, and expanding them is faster at any density.
"""

AHEAD = 4096
"""Values between a load and its prefetch into the L2 cache; 1024 into L1 at low densities."""


class Expand(NamedTuple):
    """The arrays with room behind, and x with room around."""

    mask: Array
    values: Array
    pointers: Array
    floats: Array
    words: int


class Compress(NamedTuple):
    """As `Expand`; another type is another kernel."""

    mask: Array
    values: Array
    pointers: Array
    floats: Array
    words: int


class Table(NamedTuple):
    """As `Expand`, and the look-up table."""

    mask: Array
    values: Array
    pointers: Array
    floats: Array
    words: int
    table: Array


def matrix(
    device: Target, tier: str, arrays: tuple[Array, Array, Array], cols: int
) -> Expand | Compress | Table:
    """The arrays on the device, in the type of the kernel that suits tier and density.

    `arrays`: mask, values in the types of `cpu.floats`, row pointers.
    """
    mask, values, pointers = arrays
    words = mask.shape[1]
    floats = room.for_x(device, 64 * words, "float32")
    given = room.put(device, mask), room.put(device, values), device.put(pointers), floats, words
    if tier == AVX2:
        return Table(*given, device.put(tables(values.itemsize)))
    sparse = values.itemsize == 2 and values.size <= LOW * mask.shape[0] * cols
    return Compress(*given) if sparse else Expand(*given)


@njit(inline=True)
def _dense_word(values: Array, at: Any, word: Any, x: Array, column: Any, sums: Any) -> Any:
    """Add the 64 products of a word, 16 at a time.

    Twice as many expansions as with 32 of 16 bits, each at less than half the cost: their upper
    halves need not be moved down to be widened.
    """
    a, b, c, d = sums
    second = at + np.int64(count_ones(word & np.uint64(0xFFFF)))
    third = at + np.int64(count_ones(word & np.uint64(0xFFFFFFFF)))
    fourth = at + np.int64(count_ones(word & np.uint64(0xFFFFFFFFFFFF)))
    prefetch_l2(values, at + AHEAD)
    prefetch_l2(values, third + AHEAD)
    p = expand(load(values, at, 16), word)
    q = expand(load(values, second, 16), word >> np.uint64(16))
    r = expand(load(values, third, 16), word >> np.uint64(32))
    s = expand(load(values, fourth, 16), word >> np.uint64(48))
    return (
        fma(widen(p), load(x, column, 16), a),
        fma(widen(q), load(x, column + 16, 16), b),
        fma(widen(r), load(x, column + 32, 16), c),
        fma(widen(s), load(x, column + 48, 16), d),
    )


@njit(inline=True)
def _sparse_word(values: Array, at: Any, word: Any, x: Array, column: Any, count: Any) -> Any:
    """The up to 16 values of a word, and the x that belong to them."""
    where = positions(word)
    low = permute(load(x, column, 16), where, load(x, column + 16, 16))
    high = permute(load(x, column + 32, 16), where, load(x, column + 48, 16))
    kept = keep(load(values, at, 16), (np.uint64(1) << count) - np.uint64(1))
    return widen(kept), by_bit(where, 32, low, high)


def nanoseconds(matrix: Expand | Compress | Table) -> float:
    """What a product takes in one thread, roughly: words count, and hardly what is set in them."""
    return 3.0 * matrix.mask.size


def _take(matrix: Any, x: Any) -> Any:
    room.take(x, matrix.floats)


def _expand_rows(matrix: Any, y: Any, first: Any, last: Any, part: Any) -> Any:
    values, x, words = matrix.values, matrix.floats, np.int64(matrix.words)
    for row in range(first, last):
        at = np.int64(matrix.pointers[row])
        sums = zeros(16), zeros(16), zeros(16), zeros(16)
        for i in range(words):
            word = peek(matrix.mask, row * words + i)
            sums = _dense_word(values, at, word, x, BEFORE + 64 * i, sums)
            at += np.int64(count_ones(word))
        a, b, c, d = sums
        y[row] = total(add(add(a, b), add(c, d)))


def _compress_rows(matrix: Any, y: Any, first: Any, last: Any, part: Any) -> Any:
    values, x, words = matrix.values, matrix.floats, np.int64(matrix.words)
    for row in range(first, last):
        at = np.int64(matrix.pointers[row])
        sums = zeros(16), zeros(16), zeros(16), zeros(16)
        e = zeros(16)
        for i in range(words):
            word = peek(matrix.mask, row * words + i)
            count = count_ones(word)
            prefetch_l1(values, at + 1024)
            if count <= np.uint64(16):
                value, of_x = _sparse_word(values, at, word, x, BEFORE + 64 * i, count)
                e = fma(value, of_x, e)
            else:
                sums = _dense_word(values, at, word, x, BEFORE + 64 * i, sums)
            at += np.int64(count)
        a, b, c, d = sums
        y[row] = total(add(add(add(a, b), add(c, d)), e))


def _table_rows(matrix: Any, y: Any, first: Any, last: Any, part: Any) -> Any:
    values, x, words = matrix.values, matrix.floats, np.int64(matrix.words)
    for row in range(first, last):
        at = np.int64(matrix.pointers[row])
        a, b = zeros(8), zeros(8)
        for i in range(words):
            word = peek(matrix.mask, row * words + i)
            prefetch_l2(values, at + AHEAD)
            column = BEFORE + 64 * i
            for _ in range(4):
                bits = word & np.uint64(255)
                middle = at + np.int64(count_ones(bits))
                upper = (word >> np.uint64(8)) & np.uint64(255)
                low = spread(load(values, at, 8), matrix.table, bits)
                high = spread(load(values, middle, 8), matrix.table, upper)
                a = fma(widen(low), load(x, column, 8), a)
                b = fma(widen(high), load(x, column + 8, 8), b)
                at = middle + np.int64(count_ones(upper))
                word >>= np.uint64(16)
                column += 16
        y[row] = total(add(a, b))


kernels(Expand, _take, _expand_rows)
kernels(Compress, _take, _compress_rows)
kernels(Table, _take, _table_rows)
