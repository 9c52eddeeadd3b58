"""Slabs with bitmaps: pack and unpack streams of groups of 8 entries, side by side by lane.

The layout is drawn in formats/slab_bitmap.py. `width`: the columns of a segment, a multiple of 32;
`side`: `offsets`, `counts` and `row_order`; `arrays`: `values`, of 16 bits, and `bits`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from spmvbench.cpu.jit import njit
from spmvbench.dtypes import Array
from spmvbench.slabs import GROUP, LANES, Deal, Side

MAGNITUDE = np.uint16(0x7FFF)
WORD = 32

IN_WINDOW = 4
"""Entries that are decoded from one window: a word's length of columns behind the entry before."""

_FIRST_BIT = np.uint32(1 << 31)


@njit()
def _bit(column: int) -> Any:
    """Of a column in its word: the highest for the first."""
    return _FIRST_BIT >> np.uint32(column % WORD)


@njit()
def _is_passed(column: int, window: int, entries: int) -> bool:
    """Whether a zero may be left out: what is left of the window takes the rest of its entries."""
    return window + WORD - column - 1 >= IN_WINDOW - entries % IN_WINDOW


@njit()
def _columns(stream: Any) -> Any:
    """How many there are up to the last that is not zero."""
    columns = stream.size
    while columns > 0 and (stream[columns - 1] & MAGNITUDE) == 0:
        columns -= 1
    return columns


@njit(parallel=True)
def count(weights: Array, width: int, counts: Array) -> None:
    """Write the entries of each row and segment, stored zeros included. Shape: counts as those.

    `weights` as unsigned integers.
    """
    for row in prange(weights.shape[0]):
        for segment in range(counts.shape[1]):
            stream = weights[row, segment * width : (segment + 1) * width]
            entries, window = 0, 0
            for column in range(_columns(stream)):
                if (stream[column] & MAGNITUDE) != 0 or not _is_passed(column, window, entries):
                    entries += 1
                    if entries % IN_WINDOW == 0:
                        window = column + 1
            counts[row, segment] = entries


@njit()
def _places(begin: Any, counts: Any) -> Any:
    """Where the first group of each step lies, of a slab and warp. Shape: counts (32,)."""
    places = np.empty(counts.max() + 1, np.int64)
    places[0] = begin
    for step in range(places.size - 1):
        places[step + 1] = places[step]
        for lane in range(LANES):
            places[step + 1] += np.int64(counts[lane] > step)
    return places


@njit()
def _fill_lane(stream: Any, places: Any, values: Any, bits: Any) -> None:
    """Write the entries of a lane into zeros. `bits`: its words."""
    entries, window, columns = 0, 0, _columns(stream)
    for column in range(columns):
        value = stream[column]
        if (value & MAGNITUDE) == 0:
            if _is_passed(column, window, entries):
                continue
            value ^= value
        values[places[entries // GROUP] * GROUP + entries % GROUP] = value
        bits[column // WORD] |= _bit(column)
        entries += 1
        if entries % IN_WINDOW == 0:
            window = column + 1
    for column in range(columns, min(columns + -entries % GROUP, bits.size * WORD)):
        bits[column // WORD] |= _bit(column)


@njit(parallel=True)
def fill(
    weights: Array,
    rows_of_slab: int,
    side: tuple[Array, Array, Array],
    arrays: tuple[Array, Array],
) -> None:
    """Write all entries into zeros. Shapes: counts (slabs, warps, 32), bits as `slab-bitmap`'s."""
    offsets, counts, row_order = side
    values, bits = arrays
    warps, width = offsets.shape[1], bits.shape[2] * WORD
    for unit in prange(offsets.size):
        slab, warp = unit // warps, unit % warps
        places = _places(offsets[slab, warp], counts[slab, warp])
        for lane in range(LANES):
            groups = counts[slab, warp, lane]
            if groups == 0:
                continue
            segment = warp * (LANES // rows_of_slab) + lane // rows_of_slab
            row = row_order[slab * rows_of_slab + lane % rows_of_slab]
            stream = weights[row, segment * width : (segment + 1) * width]
            _fill_lane(stream, places, values, bits[slab, warp, :, lane])
            places[:groups] += 1


def packed(
    weights: Array, shape: tuple[int, int, int, int], rows_of_slab: int, deal: Deal
) -> tuple[Array, Array, Side]:
    """`values`, `bits`, which has that shape, and `side`, where `deal` put the rows.

    Shapes: weights (rows, cols) as unsigned integers, groups (rows, segments).
    """
    segments = shape[1] * (LANES // rows_of_slab)
    entries = np.zeros((len(weights), segments), np.int64)
    count(weights, shape[2] * WORD, entries)
    side, stored = deal(-(-entries // GROUP))
    values, bits = np.zeros(stored * GROUP, weights.dtype), np.zeros(shape, np.uint32)
    fill(weights, rows_of_slab, side, (values, bits))
    return values, bits, side


@njit()
def _unpack_lane(groups: int, places: Any, values: Any, bits: Any, stream: Any) -> int:
    """Write the entries of a lane into its row in its segment. How many are out of place.

    Bits behind the last one's are no entries either.
    """
    width, column, window, outside = bits.size * WORD, -1, 0, 0
    for entry in range(groups * GROUP):
        column += 1
        while column < width and (bits[column // WORD] & _bit(column)) == 0:
            column += 1
        if column - window >= WORD or column >= width + GROUP:
            return outside + 1
        if entry % IN_WINDOW == IN_WINDOW - 1:
            window = column + 1
        value = values[places[entry // GROUP] * GROUP + entry % GROUP]
        if (value & MAGNITUDE) != 0:
            if column < stream.size:
                stream[column] = value
            else:
                outside += 1
    for behind in range(column + 1, width):
        outside += (bits[behind // WORD] & _bit(behind)) != 0
    return outside


@njit(parallel=True)
def unpack(
    arrays: tuple[Array, Array],
    side: tuple[Array, Array, Array],
    rows_of_slab: int,
    dense: Array,
) -> int:
    """Write the stored entries into a matrix of zeros. The number of those that are out of place.

    That is outside of their segment or row, or of the window that they are decoded from.
    """
    values, bits = arrays
    offsets, counts, row_order = side
    warps, width = offsets.shape[1], bits.shape[2] * WORD
    nowhere = np.zeros(0, dense.dtype)
    outside = 0
    for unit in prange(offsets.size):
        slab, warp = unit // warps, unit % warps
        places = _places(offsets[slab, warp], counts[slab, warp])
        for lane in range(LANES):
            groups = counts[slab, warp, lane]
            place = slab * rows_of_slab + lane % rows_of_slab
            begin = (warp * (LANES // rows_of_slab) + lane // rows_of_slab) * width
            stream = nowhere
            if place < row_order.size:
                stream = dense[row_order[place], begin : begin + width]
            mine = bits[slab, warp, :, lane]
            outside += _unpack_lane(groups, places, values, mine, stream)
            places[:groups] += 1
    return outside
