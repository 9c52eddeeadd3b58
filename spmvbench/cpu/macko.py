"""MACKO: pack, decode and multiply rows of values and 4-bit gap codes.

Codes are decoded 8 at a time, by arithmetic on a uint64 in which each byte is one entry.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from spmvbench.cpu.jit import njit
from spmvbench.cpu.launch import PIECE, Scratch
from spmvbench.cpu.nonzeros import used_columns
from spmvbench.cpu.products import add_products
from spmvbench.dtypes import Array

_ONES = np.uint64(0x0101010101010101)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


@njit(parallel=True)
def count(bits: Array, magnitude: Any, gap_bits: int, counts: Array) -> None:
    """Write how many entries each row takes: non-zeros, and zeros that bridge wide gaps.

    One per 2^gap_bits columns of a gap: 16 with the 4 bits of MACKO.

    Here and in `fill` a branch per element would be guessed wrong half of the time at density 0.5,
    and cost three times as much as this arithmetic.
    """
    for row in prange(bits.shape[0]):
        entries = np.int64(0)
        gap = np.int64(0)
        for column in range(used_columns(bits[row], magnitude)):
            nonzero = np.int64((bits[row, column] & magnitude) != 0)
            stored = nonzero | (gap + 1) >> gap_bits  # 1 at the widest gap: this zero bridges
            entries += stored
            gap = (gap + 1) & (stored - 1)  # 0 after an entry
        counts[row] = entries


@njit(parallel=True)
def fill(bits: Array, magnitude: Any, pointers: Array, values: Array, codes: Array) -> None:
    """Write the values and gap codes of each row where its row pointer says, a byte per code.

    Writes first and moves on only after an entry; that stays inside the row because the row ends at
    its last non-zero.
    """
    for row in prange(bits.shape[0]):
        at = np.int64(pointers[row])
        gap = np.int64(0)
        for column in range(used_columns(bits[row], magnitude)):
            value = bits[row, column]
            nonzero = np.int64((value & magnitude) != 0)
            values[at] = value * nonzero  # a bridge is never -0.0
            codes[at] = gap
            stored = nonzero | (gap + 1) >> 4
            at += stored
            gap = (gap + 1) & (stored - 1)


@njit()
def pair(codes: Array, deltas: Array) -> None:
    """Write two codes a byte, the even one in the low nibble. Shapes: codes (2 n,), deltas (n,)."""
    for i in range(deltas.size):
        deltas[i] = codes[2 * i] | codes[2 * i + 1] << 4


@njit()
def widest(deltas: Array, pointers: Array) -> int:
    """The number of columns that the decoded rows need."""
    columns = 0
    for row in range(pointers.size - 1):
        reached = 0
        for at in range(pointers[row], pointers[row + 1]):
            reached += ((deltas[at >> 1] >> (4 * (at & 1))) & 15) + 1
        columns = max(columns, reached)
    return columns


@njit()
def _offsets(codes: Any, lanes: Any) -> Any:
    """The columns of 8 entries, a byte each, counted from the column after the entry before them.

    `codes`: 8 nibbles; `lanes`: 0xff for entries of this row, 0 for those of the row before, which
    take no columns. An inclusive prefix sum of 8 bytes is one multiplication; none exceeds 128.
    """
    spread = (codes | codes << np.uint64(16)) & np.uint64(0x0000FFFF0000FFFF)
    spread = (spread | spread << np.uint64(8)) & np.uint64(0x00FF00FF00FF00FF)
    spread = (spread | spread << np.uint64(4)) & np.uint64(0x0F0F0F0F0F0F0F0F)
    ones = _ONES & lanes
    return ((spread & lanes) + ones) * _ONES - ones


@njit()
def _two(offsets: Any, place: Any) -> Any:
    """Bytes `place` and `place` + 1 as the low and the high half of a uint64."""
    low = (offsets >> np.uint64(8 * place)) & np.uint64(255)
    return low | ((offsets >> np.uint64(8 * place + 8)) & np.uint64(255)) << np.uint64(32)


@njit()
def decode(codes: Array, lane: int, base: Any, columns: Array, offsets: Array, bases: Array) -> Any:
    """Write the columns of a piece, two in each uint64, and return the column after it.

    Shapes: codes (words,) uint32, 8 entries each, the first `lane` of them of the row before.
    Three loops, because the first and the last vectorise and only the middle one cannot.
    """
    for i in range(codes.size):
        offsets[i] = _offsets(np.uint64(codes[i]), _ALL)
    if codes.size:
        offsets[0] = _offsets(np.uint64(codes[0]), _ALL << np.uint64(8 * lane))
    for i in range(codes.size):
        bases[i] = base
        base += (offsets[i] >> np.uint64(56)) + np.uint64(1)
    for i in range(codes.size):
        both = bases[i] | bases[i] << np.uint64(32)
        columns[4 * i] = both + _two(offsets[i], 0)
        columns[4 * i + 1] = both + _two(offsets[i], 2)
        columns[4 * i + 2] = both + _two(offsets[i], 4)
        columns[4 * i + 3] = both + _two(offsets[i], 6)
    return base


@njit()
def unpack(values: Array, deltas: Array, pointers: Array, dense: Array, scratch: Scratch) -> None:
    """Write the stored entries into a matrix of zeros. Shape: dense (rows, cols)."""
    pairs, offsets, bases = scratch.columns[0], scratch.offsets[0], scratch.bases[0]
    codes, columns = deltas.view(np.uint32), pairs.view(np.uint32)
    for row in range(dense.shape[0]):
        begin, end, base = pointers[row], pointers[row + 1], np.uint64(0)
        for at in range(begin & ~7, end, PIECE):
            lane, stop = max(begin - at, 0), min(end - at, PIECE)
            words = codes[at >> 3 : (at + stop + 7) >> 3]
            base = decode(words, lane, base, pairs, offsets, bases)
            for i in range(lane, stop):
                dense[row, columns[i]] = values[at + i]


@njit()
def product_rows(
    values: Array,
    deltas: Array,
    pointers: Array,
    x: Array,
    y: Array,
    first: int,
    last: int,
    scratch: Scratch,
    part: Any,
) -> None:
    """Write rows first .. last of y = A x, in the buffers of one part."""
    pairs, offsets, bases = scratch.columns[part], scratch.offsets[part], scratch.bases[part]
    floats, columns = scratch.floats[part], pairs.view(np.uint32)
    codes = deltas.view(np.uint32)
    for row in range(first, last):
        y[row] = 0
        begin, end, base = pointers[row], pointers[row + 1], np.uint64(0)
        for at in range(begin & ~7, end, PIECE):
            lane, stop = max(begin - at, 0), min(end - at, PIECE)
            words = codes[at >> 3 : (at + stop + 7) >> 3]
            base = decode(words, lane, base, pairs, offsets, bases)
            add_products(values[at + lane : at + stop], columns[lane:stop], floats, x, y, row)


@njit(parallel=True)
def product(
    values: Array,
    deltas: Array,
    pointers: Array,
    x: Array,
    y: Array,
    bounds: Array,
    scratch: Scratch,
) -> None:
    """Write y = A x, rows bounds[i] .. bounds[i + 1] in one thread each."""
    for part in prange(bounds.size - 1):
        first, last = bounds[part], bounds[part + 1]
        product_rows(values, deltas, pointers, x, y, first, last, scratch, np.int64(part))
