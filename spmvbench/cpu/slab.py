"""Slabs: pack and unpack shares of rows, in groups of 8 entries, side by side by lane.

The layout is drawn in formats/slab.py. `gap_bits` of a gap; values are of 16 bits. Shapes of its
arrays: offsets (slabs, warps), starts (slabs, warps, 32), groups (slabs, rows of a slab).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from spmvbench.cpu import macko
from spmvbench.cpu.jit import njit
from spmvbench.cpu.nonzeros import used_columns
from spmvbench.dtypes import Array
from spmvbench.slabs import GROUP, LANES

MAGNITUDE = np.uint16(0x7FFF)


def count(weights: Array, gap_bits: int, counts: Array) -> None:
    """Write the entries of each row, bridges included. `weights` as unsigned integers."""
    macko.count(weights, MAGNITUDE, gap_bits, counts)


@njit()
def _lanes(groups: Array, warps: int, lengths: Array) -> None:
    """Write the groups of each lane of a slab. Shapes: groups (rows,), lengths (warps, 32)."""
    rows = groups.size
    shares = warps * LANES // rows
    for thread in range(warps * LANES):
        all_of_row = np.int64(groups[thread % rows])
        number = thread // rows
        lengths[thread // LANES, thread % LANES] = (all_of_row + shares - 1 - number) // shares


@njit()
def _before(lengths: Array, lane: int, group: int) -> Any:
    """How many groups of a slab and warp come before group `group` of a lane. Shape: (32,)."""
    before = np.int64(0)
    for other in range(LANES):
        before += min(lengths[other], group + np.int64(other < lane))
    return before


@njit()
def _store(arrays: Any, at: Any, entry: int, code: int, value: Any, gap_bits: int) -> None:
    """Write entry `entry` of the group at `at`."""
    values, low, high = arrays
    values[at * GROUP + entry] = value
    low[at] |= np.uint32((code & 15) << (8 * (entry & 3) + (entry & 4)))
    if gap_bits == 5:
        high[at] |= code >> 4 << entry
    elif gap_bits == 6:
        high[at] |= code >> 4 << (8 * (entry & 1) + 2 * (entry & 2) + (entry >> 2 << 1))


@njit()
def _code(low: Array, high: Array, at: Any, entry: int, gap_bits: int) -> Any:
    code: Any = np.int64(low[at] >> np.uint32(8 * (entry & 3) + (entry & 4))) & 15
    if gap_bits == 5:
        code |= ((np.int64(high[at]) >> entry) & 1) << 4
    elif gap_bits == 6:
        place = 8 * (entry & 1) + 2 * (entry & 2) + (entry >> 2 << 1)
        code |= ((np.int64(high[at]) >> place) & 3) << 4
    return code


@njit()
def _fill_row(
    weights: Array, gap_bits: int, place: Any, lengths: Array, side: Any, arrays: Any
) -> None:
    """Write a row's entries. `place`: its slab and its place in it; `weights`: the row."""
    offsets, starts, rows = side
    slab, thread = place
    widest = (1 << gap_bits) - 1
    group, entry, gap, at = -1, GROUP, 0, np.int64(0)
    for column in range(used_columns(weights, MAGNITUDE)):
        value = weights[column]
        if (value & MAGNITUDE) == 0:
            if gap < widest:
                gap += 1
                continue
            value ^= value  # a bridge is never -0.0
        if entry == GROUP:
            entry, group = 0, group + 1
            while group == lengths[thread // LANES, thread % LANES]:
                group, thread = 0, thread + rows
            warp, lane = thread // LANES, thread % LANES
            if group == 0:
                starts[slab, warp, lane] = column - gap
            at = np.int64(offsets[slab, warp]) + _before(lengths[warp], lane, group)
        _store(arrays, at, entry, gap, value, gap_bits)
        entry, gap = entry + 1, 0


@njit(parallel=True)
def fill(
    weights: Array,
    gap_bits: int,
    side: tuple[Array, Array, Array, Array],
    arrays: tuple[Array, Array, Array],
) -> None:
    """Write all into zeros. `side`: offsets, starts, groups, row_order; `arrays`: the others."""
    offsets, starts, groups, row_order = side
    slabs, warps = offsets.shape
    rows = groups.shape[1]
    for slab in prange(slabs):
        lengths = np.empty((warps, LANES), np.int64)
        _lanes(groups[slab], warps, lengths)
        for i in range(min(rows, row_order.size - slab * rows)):
            row = weights[row_order[slab * rows + i]]
            _fill_row(row, gap_bits, (slab, i), lengths, (offsets, starts, rows), arrays)


@njit()
def unpack(
    arrays: tuple[Array, Array, Array],
    side: tuple[Array, Array, Array, Array],
    gap_bits: int,
    dense: Array,
) -> int:
    """Write the stored entries into a matrix of zeros. The number that lie outside of it."""
    values, low, high = arrays
    offsets, starts, groups, row_order = side
    slabs, warps = offsets.shape
    rows, cols = groups.shape[1], dense.shape[1]
    lengths = np.empty((warps, LANES), np.int64)
    outside = 0
    for slab in range(slabs):
        _lanes(groups[slab], warps, lengths)
        for thread in range(warps * LANES):
            warp, lane = thread // LANES, thread % LANES
            place = slab * rows + thread % rows
            column = np.int64(starts[slab, warp, lane]) - 1
            for group in range(lengths[warp, lane]):
                at = np.int64(offsets[slab, warp]) + _before(lengths[warp], lane, group)
                for entry in range(GROUP):
                    column += _code(low, high, at, entry, gap_bits) + 1
                    value = values[at * GROUP + entry]
                    if (value & MAGNITUDE) == 0:
                        outside += column >= cols + GROUP - 1
                    elif place < row_order.size and column < cols:
                        dense[row_order[place], column] = value
                    else:
                        outside += 1
    return outside
