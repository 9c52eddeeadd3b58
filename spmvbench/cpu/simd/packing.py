"""Dense rows to packed ones: a mask of 64 columns at a time, then what it selects, moved together.

    dense      a  b  .  .  .  c  . ...     one pass makes masks and counts, row pointers follow,
    mask       1  1  0  0  0  1  0 ...     a second pass writes
    values     a  b  c                     vpcompressw of the elements
    columns    0  1  5                     vpcompressw of 0, 1, 2 ...

MACKO stores a zero where a gap grows too wide. An entry covers its column and the 15 that follow,
and an uncovered column up to the row's last non-zero has to become an entry:

    mask       0 0 1 0 0 0 ...  0  0  0 ...  1      an entry at 2, the next at 40
    covered    1 1 1 1 1 1 ...  1  0  0 ...  1      up to 17; 0 and 1 by the row's beginning
    entries    0 0 1 0 0 0 ...  0  1  0 ...  1      18 bridges, then 34

Rows are independent, and no lane outside a row is touched.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import prange

from spmvbench.cpu.bits import count_ones, lowest_one
from spmvbench.cpu.jit import njit
from spmvbench.cpu.simd.lanes import keep
from spmvbench.cpu.simd.selection import (
    columns_from,
    compress,
    lanes_of,
    load_some,
    store_some,
    where_any,
)
from spmvbench.dtypes import Array

_NONE, _ONE, _ALL = np.uint64(0), np.uint64(1), np.uint64(0xFFFFFFFFFFFFFFFF)


def nonzeros(bits: Array, magnitude: Any) -> tuple[Array, Array]:
    """Masks of the non-zeros, and how many each row has. Shapes: (rows, words) and (rows,)."""
    mask = np.empty((bits.shape[0], -(-bits.shape[1] // 64)), np.uint64)
    counts = np.empty(bits.shape[0], np.int64)
    _mark(bits, magnitude, mask, counts)
    return mask, counts


def entries(bits: Array, magnitude: Any) -> tuple[Array, Array]:
    """As `nonzeros`, with MACKO's bridges."""
    mask, counts = nonzeros(bits, magnitude)
    _bridge(mask, counts)
    return mask, counts


def fill(bits: Array, mask: Array, pointers: Array, values: Array, magnitude: Any) -> None:
    """Write the selected elements of each row where its row pointer says; zeros as 0, not -0."""
    _fill(bits, mask, pointers, values, magnitude)


def gaps(bits: Array, mask: Array, pointers: Array, codes: Array) -> None:
    """Write the zeros skipped before each selected element, a byte each."""
    bounds = np.linspace(0, mask.shape[0], numba.get_num_threads() + 1).astype(np.int64)
    _gaps(bits, mask, pointers, codes, bounds)


@njit(inline=True)
def _inside(cols: Any, start: Any) -> Any:
    """The bits of columns that exist, of 64 from `start` on."""
    left = cols - start
    return _ALL if left >= 64 else (_ONE << np.uint64(left)) - _ONE


@njit(parallel=True)
def _mark(bits: Array, magnitude: Any, mask: Array, counts: Array) -> None:
    flat, cols = bits.reshape(-1), bits.shape[1]
    for row in prange(bits.shape[0]):
        found = _NONE
        for i in range(mask.shape[1]):
            inside, word = _inside(cols, 64 * i), _NONE
            for lane in range(0, 64, lanes_of(flat)):
                exist = inside >> np.uint64(lane)
                some = load_some(flat, row * cols + 64 * i + lane, exist)
                word |= where_any(some, magnitude) << np.uint64(lane)
            mask[row, i] = word
            found += count_ones(word)
        counts[row] = np.int64(found)


@njit(inline=True)
def _covered(word: Any, before: Any) -> Any:
    """The columns that need no bridge. `before`: the last entry of the words before, negative."""
    wide = word | word << _ONE
    wide |= wide << np.uint64(2)
    wide |= wide << np.uint64(4)
    wide |= wide << np.uint64(8)
    if before + 16 > 0:
        wide |= (_ONE << np.uint64(before + 16)) - _ONE
    return wide


@njit(inline=True)
def _highest_one(word: Any) -> Any:
    """The position of the highest set bit of a uint64 that is not 0, as int64."""
    word |= word >> _ONE
    word |= word >> np.uint64(2)
    word |= word >> np.uint64(4)
    word |= word >> np.uint64(8)
    word |= word >> np.uint64(16)
    word |= word >> np.uint64(32)
    return np.int64(count_ones(word)) - 1


@njit(parallel=True)
def _bridge(mask: Array, counts: Array) -> None:
    for row in prange(mask.shape[0]):
        words = mask.shape[1]
        while words > 0 and mask[row, words - 1] == _NONE:
            words -= 1
        before, found = np.int64(-1), _NONE
        for i in range(words):
            word = mask[row, i]
            wide = _covered(word, before)
            if i == words - 1:
                wide |= _ALL << np.uint64(_highest_one(word))  # zeros at the end cost nothing
            while wide != _ALL:
                gap = lowest_one(~wide)
                word |= _ONE << gap
                wide |= np.uint64(0xFFFF) << gap
            mask[row, i] = word
            found += count_ones(word)
            before = _highest_one(word) - 64
        counts[row] = np.int64(found)


@njit(parallel=True)
def _fill(bits: Array, mask: Array, pointers: Array, values: Array, magnitude: Any) -> None:
    flat, cols = bits.reshape(-1), bits.shape[1]
    for row in prange(bits.shape[0]):
        at = np.int64(pointers[row])
        for i in range(mask.shape[1]):
            word = mask[row, i]
            for lane in range(0, 64, lanes_of(flat)):
                at = _put(flat, row * cols + 64 * i + lane, word, values, at, magnitude)
                word >>= np.uint64(lanes_of(flat) & 63)


@njit(inline=True)
def _put(flat: Array, source: Any, word: Any, values: Array, at: Any, magnitude: Any) -> Any:
    """Write the selected elements of a register; return where the next ones go."""
    some = load_some(flat, source, word)
    nonzero = keep(some, where_any(some, magnitude))
    few = _ONE << np.uint64(lanes_of(flat))
    found = count_ones(word & (few - _ONE))
    store_some(values, at, compress(nonzero, word), (_ONE << found) - _ONE)
    return at + np.int64(found)


@njit(parallel=True)
def columns(bits: Array, mask: Array, pointers: Array, out: Array) -> None:
    """Write the column of each selected element, as uint16. `bits`: for its type only."""
    for row in prange(mask.shape[0]):
        _columns(bits, mask[row], np.int64(pointers[row]), out)


@njit(inline=True)
def _columns(bits: Array, mask: Array, at: Any, out: Array) -> Any:
    """Write a row's columns; return the place behind them."""
    lanes = lanes_of(bits)
    low = (_ONE << np.uint64(lanes)) - _ONE
    for i in range(mask.size):
        word = mask[i]
        for lane in range(0, 64, lanes_of(bits)):
            found = count_ones(word & low)
            some = compress(columns_from(64 * i + lane, bits), word)
            store_some(out, at, some, (_ONE << found) - _ONE)
            at += np.int64(found)
            word >>= np.uint64(lanes)
    return at


@njit(parallel=True)
def _gaps(bits: Array, mask: Array, pointers: Array, codes: Array, bounds: Array) -> None:
    for part in prange(bounds.size - 1):
        found = np.empty(64 * mask.shape[1] + 1, np.uint16)
        found[0] = 0xFFFF  # the column before the first
        for row in range(bounds[part], bounds[part + 1]):
            at = np.int64(pointers[row])
            _columns(bits, mask[row], np.int64(1), found)
            for k in range(np.int64(pointers[row + 1]) - at):
                codes[at + k] = found[k + 1] - found[k] - 1
