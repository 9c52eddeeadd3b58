"""Slabs: pack and unpack streams of groups of 8 entries, side by side by lane.

The layout is drawn in formats/slab.py. `bits` of a gap; `width`: the columns of a segment.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from spmvbench.cpu.jit import njit
from spmvbench.dtypes import Array

LANES = 32
GROUP = 8

COUNT_SHIFT = 5
"""A header is the number of groups, shifted by this, and the row within the slab."""


@njit(parallel=True)
def count(weights: Array, magnitude: Any, bits: int, width: int, counts: Array) -> None:
    """Write the entries of each row and segment, bridges included. Shape: counts (rows, segments).

    `weights` as unsigned integers.
    """
    for row in prange(weights.shape[0]):
        for segment in range(counts.shape[1]):
            begin = segment * width
            entries, last = 0, begin - 1
            for column in range(begin, min(begin + width, weights.shape[1])):
                if (weights[row, column] & magnitude) != 0:
                    entries += ((column - last - 1) >> bits) + 1
                    last = column
            counts[row, segment] = entries


@njit()
def _steps(headers: Any, bases: Any) -> None:
    """Write how many groups of a slab and segment come before each step. Shape: headers (32,)."""
    before = np.int64(0)
    for step in range(headers[0] >> COUNT_SHIFT):
        bases[step] = before
        for lane in range(LANES):
            before += np.int64((headers[lane] >> COUNT_SHIFT) > step)


@njit()
def _store(arrays: Any, at: int, entry: int, code: int, value: Any, bits: int) -> None:
    """Write entry `entry` of the group at `at`."""
    values, low, high = arrays
    values[at * GROUP + entry] = value
    low[at] |= np.uint32((code & 15) << (8 * (entry & 3) + (entry & 4)))
    if bits == 5:
        high[at] |= code >> 4 << entry
    elif bits == 6:
        high[at] |= code >> 4 << (8 * (entry & 1) + 2 * (entry & 2) + (entry >> 2 << 1))


@njit()
def _code(low: Array, high: Array, at: int, entry: int, bits: int) -> Any:
    code: Any = np.int64(low[at] >> np.uint32(8 * (entry & 3) + (entry & 4))) & 15
    if bits == 5:
        code |= ((np.int64(high[at]) >> entry) & 1) << 4
    elif bits == 6:
        place = 8 * (entry & 1) + 2 * (entry & 2) + (entry >> 2 << 1)
        code |= ((np.int64(high[at]) >> place) & 3) << 4
    return code


@njit(parallel=True)
def fill(
    weights: Array,
    magnitude: Any,
    bits: int,
    width: int,
    side: tuple[Array, Array, Array],
    arrays: tuple[Array, Array, Array],
) -> None:
    """Write all entries into zeros. `side`: offsets, headers, row_order; `arrays`: the others."""
    offsets, headers, row_order = side
    slabs, segments = offsets.shape
    widest = (1 << bits) - 1
    for unit in prange(slabs * segments):
        slab, segment = unit // segments, unit % segments
        mine = headers[slab, segment]
        bases = np.empty((mine[0] >> COUNT_SHIFT) + 1, np.int64)
        _steps(mine, bases)
        for lane in range(LANES):
            place = slab * LANES + (mine[lane] & (LANES - 1))
            if place >= row_order.size:
                continue
            row, begin, entry = row_order[place], segment * width, 0
            last = begin - 1
            first = np.int64(offsets[slab, segment]) + lane
            for column in range(begin, min(begin + width, weights.shape[1])):
                value = weights[row, column]
                if (value & magnitude) == 0:
                    continue
                gap = column - last - 1
                last = column
                while gap > widest:
                    at = first + bases[entry >> 3]
                    _store(arrays, at, entry & 7, widest, value ^ value, bits)
                    entry += 1
                    gap -= widest + 1
                _store(arrays, first + bases[entry >> 3], entry & 7, gap, value, bits)
                entry += 1


@njit()
def unpack(
    arrays: tuple[Array, Array, Array],
    side: tuple[Array, Array, Array],
    magnitude: Any,
    bits: int,
    width: int,
    dense: Array,
) -> int:
    """Write the stored entries into a matrix of zeros. The number that lie outside of a segment."""
    values, low, high = arrays
    offsets, headers, row_order = side
    slabs, segments = offsets.shape
    outside = 0
    for unit in range(slabs * segments):
        slab, segment = unit // segments, unit % segments
        mine = headers[slab, segment]
        bases = np.empty((mine[0] >> COUNT_SHIFT) + 1, np.int64)
        _steps(mine, bases)
        for lane in range(LANES):
            place = slab * LANES + (mine[lane] & (LANES - 1))
            column = segment * width - 1
            for entry in range((mine[lane] >> COUNT_SHIFT) * GROUP):
                at = np.int64(offsets[slab, segment]) + lane + bases[entry >> 3]
                column += _code(low, high, at, entry & 7, bits) + 1
                value = values[at * GROUP + (entry & 7)]
                if (value & magnitude) == 0:
                    outside += column >= (segment + 1) * width + GROUP
                elif place < row_order.size and column < min((segment + 1) * width, dense.shape[1]):
                    dense[row_order[place], column] = value
                else:
                    outside += 1
    return outside
