"""What layouts of slabs have in common: how rows are dealt, where groups lie, blocks to launch.

A slab is a few rows whose entries 32 lanes of a GPU decode side by side, in groups of 8;
formats/slab.py and formats/slab_bitmap.py draw the two layouts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from spmvbench.dtypes import Array
from spmvbench.formats.base import MatVec, Packed, Target

if TYPE_CHECKING:
    from spmvbench.cuda.launch import Limits

LANES = 32
GROUP = 8

BLOCKS = {8: (2, 3, 4), 16: (1, 2)}
"""Blocks of a multiprocessor that there are kernels for, by the warps of a block. The fewer, the
more groups a lane has in flight: registers are enough for 4, 3 or 2."""

Side = tuple[Array, Array, Array]
"""Of slabs with bitmaps: offsets, counts and row_order."""

Deal = Callable[[Array], tuple[Side, int]]
"""From the groups that each row has in each segment to that, and the groups in all."""

_ALIGNED = 4  # groups: what a warp reads begins at a multiple of 64 bytes of values
_MOST_OFFSET = 2**32
_ENOUGH_WARPS = 16  # of a multiprocessor: with fewer, too little is in flight


def rows_of_slab(rows: int) -> int:
    """So that from 1,024 rows on there are about 128 slabs, one for each part of a large GPU."""
    return 32 if rows >= 4096 else 16 if rows >= 2048 else 8


def warps_of_slab(rows: int) -> int:
    """More where a multiprocessor is left with one slab."""
    return 8 if rows >= 8192 else 16


def order_of_rows(groups: Array) -> Array:
    """The longest first, equal ones as they come. Shapes: groups (rows,), result (rows,)."""
    return np.argsort(-groups, kind="stable").astype(np.uint32)


def offsets_of(name: str, groups: Array) -> tuple[Array, int]:
    """Where the groups of each slab and warp begin, and how many are stored in all.

    Shapes: groups (slabs, warps), result the same, uint32.
    Raises: ValueError for more than `offsets` can count.
    """
    ends = np.cumsum(-(-groups.ravel() // _ALIGNED) * _ALIGNED)
    stored = int(ends[-1]) if ends.size else 0
    if stored >= _MOST_OFFSET:
        raise ValueError(f"{name}: {stored:,} groups of entries, its offsets count below 2^32")
    offsets = np.zeros(groups.size, np.uint32)
    offsets[1:] = ends[:-1]
    return offsets.reshape(groups.shape), stored


@dataclass(frozen=True)
class Launch:
    """How a kernel of slabs runs. `blocks`: of a multiprocessor; `grid`: in all.

    `itemsize`: bytes of an element of x in shared memory; `buffers`: slabs whose bits are there.
    """

    blocks: int
    grid: int
    itemsize: int
    buffers: int
    shared_bytes: int


def launches(
    slabs: int,
    warps: int,
    limit: Limits,
    choices: Sequence[tuple[int, int]],
    need: Callable[[int, int], int],
) -> list[Launch]:
    """What that GPU has the shared memory for, the best first; it may be nothing.

    `choices` of itemsize and buffers, of equally good ones the first; `need`: shared memory of one.
    Bits of a second slab are for blocks that have one.
    """
    found = []
    for blocks, (itemsize, buffers) in product(BLOCKS[warps], choices):
        shared_bytes = need(itemsize, buffers)
        if at_once := min(blocks, limit.blocks(shared_bytes)):
            grid = min(limit.multiprocessors * at_once, slabs)
            better = _preference(slabs, limit.multiprocessors, warps, at_once)
            if grid < slabs or buffers == 1:
                found.append((better, Launch(blocks, grid, itemsize, buffers, shared_bytes)))
    return [run for _, run in sorted(found, key=itemgetter(0))]


def _preference(slabs: int, multiprocessors: int, warps: int, at_once: int) -> tuple[bool, int]:
    """Smaller for the better number of blocks, of so many warps, that share a multiprocessor.

    All slabs at work at once, with as few blocks as possible, since then all end together; else
    the number that leaves the least of the last turn idle. Of equal ones the fewer is the better.
    """
    turns = -(-slabs // (multiprocessors * at_once))
    return turns > 1, turns * max(at_once * warps, _ENOUGH_WARPS)


def launched(
    kernel: str,
    variant: tuple[int, ...],
    packed: Packed,
    device: Target,
    rows: int,
    warps: int,
    run: Launch,
    *sizes: np.generic,
) -> MatVec:
    """The product by `kernel<T, X, variant ..., WARPS, BLOCKS>`; `rows` and `warps` of a slab.

    `sizes`: what the kernel takes after the rows, columns and log2 of `rows`.
    """
    from spmvbench.cuda.launch import Resident, resident
    from spmvbench.cuda.names import VALUES

    value = VALUES[packed.dtype]
    of_x = "float" if run.itemsize == 4 else value
    template = ", ".join(map(str, (value, of_x, *variant, warps, run.blocks)))
    name, threads = f"{kernel}<{template}>", LANES * warps
    how = Resident(f"{kernel}.cu", name, run.grid, threads, run.shared_bytes)
    shape = np.int64(packed.shape[0]), np.int32(packed.shape[1])
    return resident(how, packed, device, *shape, np.int32(rows.bit_length() - 1), *sizes)
