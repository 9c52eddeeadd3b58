"""From a compiled kernel to a product: rows divided among threads, buffers, compilation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numba
import numpy as np

from spmvbench.cpu.arrays import checked
from spmvbench.dtypes import Array

PIECE = 1024
"""Entries decoded at a time: their columns and float32 values stay in the L1 cache."""

_SLACK = 8
"""Entries by which a decoder may write past a piece."""


class Scratch(NamedTuple):
    """Buffers of each part, one row per part.

    Separate arrays, not slices of one: LLVM vectorises a loop only if it can tell them apart.
    """

    floats: Array
    columns: Array
    offsets: Array
    bases: Array


def row_work(pointers: Array, row_cost: float) -> Array:
    """What the rows before each row, and all of them, cost, in entries. Shape: (rows + 1,).

    `row_cost`: what a row costs beside its entries; so empty rows are shared out too.
    """
    work: Array = pointers + row_cost * np.arange(pointers.size)
    return work


def shares(work: Array, parts: int) -> Array:
    """The rows at which each part begins, and the end: parts of equal work. Shape: (parts + 1,)."""
    bounds = np.searchsorted(work, np.linspace(0, work[-1], parts + 1))
    bounds[0], bounds[-1] = 0, work.size - 1
    return bounds.astype(np.int64)


def scratch(parts: int) -> Scratch:
    """Buffers for so many parts.

    Shapes: floats (parts, PIECE) float32; columns, two uint32 in each uint64; offsets and bases
    (parts, PIECE / 8) uint64.
    """
    return Scratch(
        np.zeros((parts, PIECE), np.float32),
        np.zeros((parts, (PIECE + _SLACK) // 2), np.uint64),
        np.zeros((parts, PIECE // 8), np.uint64),
        np.zeros((parts, PIECE // 8), np.uint64),
    )


def launch(
    rows_kernel: Any,
    kernel: Any,
    arrays: Sequence[Array],
    shape: tuple[int, int],
    bounds: Array,
    batch: int,
) -> Callable[[Array, Array], None]:
    """The product `matvec(x, y)`, compiled. One part runs in the calling thread, at no extra cost.

    Compiles by multiplying no rows at all, so x and y are not needed yet.
    """
    buffers = scratch(bounds.size - 1)
    nothing = np.empty((0,) if batch == 1 else (0, batch), np.float32)
    if bounds.size == 2:
        rows = int(bounds[1])
        rows_kernel(*arrays, nothing, nothing, 0, 0, buffers, 0)
        return checked(lambda x, y: rows_kernel(*arrays, x, y, 0, rows, buffers, 0), shape, batch)
    numba.set_num_threads(min(bounds.size - 1, numba.config.NUMBA_NUM_THREADS))
    kernel(*arrays, nothing, nothing, np.zeros_like(bounds), buffers)
    return checked(lambda x, y: kernel(*arrays, x, y, bounds, buffers), shape, batch)
