"""Slabs with a bit per column: rows side by side, so that a GPU's 32 lanes decode a stream each.

A slab is 32 rows, or 16 or 8 where the matrix has few. The columns are cut into segments of equal
width, whole words of 32. What a row has in a segment is the stream of a lane: a bit for each
column, set where an entry is, and the entries' values in groups of 8. A warp is 32 lanes: all rows
of a slab in one segment, or in two or four. Its groups lie side by side, here of four lanes:

    groups       3   1   2   2     of each lane's stream
    group 0      A   B   C   D     16 bytes of values each, then the next
    group 1      A       C   D
    group 2      A

so nothing is stored for a stream that has ended. Rows are dealt to slabs by length, the longest
first: lanes of a slab end at about the same time, and long slabs come early.

Four entries are decoded from 32 bits, those behind the entry before them. Where they lie farther
apart, a zero is stored in between: seldom above a density of 0.25, and below it gaps are smaller.

docs/formats.md fixes the bytes, kernels/slab_bitmap.cu reads them. For GPUs, packed on the host.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import product
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from spmvbench.cpu.arrays import bits_of, require_size, stored_bits
from spmvbench.dtypes import Array
from spmvbench.formats.base import Format, MatVec, Packed, Target
from spmvbench.problems.base import Problem

if TYPE_CHECKING:
    from spmvbench.cuda.launch import Limits

_LANES = 32
_WORD = 32
_GROUP = 8
_ALIGNED = 4  # groups: what a warp reads begins at a multiple of 64 bytes of values
_SPARE = 2  # words of bits, of each lane, that the kernel adds
_FEW_ROWS, _WIDE = 8192, 16384
_FEW_SLABS = 132  # multiprocessors of an H100 or H200: a slab for each at least
_LEAST_ROWS = 8  # of a slab
MOST_COLUMNS = 2**22
_MOST_OFFSET = 2**32

BLOCKS = {8: (2, 3, 4), 16: (1, 2)}
"""Blocks of a multiprocessor that there are kernels for, by the warps of a block. The fewer, the
more groups a lane has in flight: registers are enough for 4, 3 or 2."""


@dataclass(frozen=True)
class Cut:
    """How a matrix is cut. `words`: of 32 columns, of a segment."""

    rows_of_slab: int
    warps: int
    slabs: int
    words: int


@dataclass(frozen=True)
class Launch:
    """How the kernel runs. `blocks`: of a multiprocessor; `grid`: in all; `itemsize`: of x there.

    `buffers`: slabs whose bits are kept.
    """

    blocks: int
    grid: int
    itemsize: int
    buffers: int
    shared_bytes: int


class SlabBitmap(Format):
    """See the module."""

    name = "slab-bitmap"
    devices = ("cuda",)
    dtypes = ("float16", "bfloat16")
    batches: ClassVar = {"cuda": (1,)}

    def unavailable(self, device: str, problem: Problem | None = None) -> str | None:
        """See `Format.unavailable`; also where x does not fit in the GPU's shared memory."""
        reason = super().unavailable(device, problem)
        if reason or problem is None:
            return reason
        if problem.cols > MOST_COLUMNS:
            return _uncounted(problem.cols)
        if "cupy" not in sys.modules:
            return None  # no GPU is in use: `plan` asks again
        from spmvbench.cuda.launch import limits

        return _too_wide((problem.rows, problem.cols), limits())

    def pack(self, dense: Array) -> Packed:
        """See `Format.pack`. Raises: ValueError for what is no matrix of a known type."""
        from spmvbench.cpu import slab_bitmap as kernels

        weights, magnitude = bits_of(dense, self.dtypes, self.name)
        rows, cols = weights.shape
        if cols > MOST_COLUMNS:
            raise ValueError(_uncounted(cols))
        how = cut(weights.shape)
        entries = np.zeros((rows, how.warps * (_LANES // how.rows_of_slab)), np.int64)
        kernels.count(weights, magnitude, how.words * _WORD, entries)
        groups = -(-entries // _GROUP)
        row_order = np.argsort(-groups.sum(axis=1), kind="stable").astype(np.uint32)
        offsets, counts, stored = _places(how, groups[row_order])
        values = np.zeros(stored * _GROUP, weights.dtype)
        bits = np.zeros((how.slabs, how.warps, how.words, _LANES), np.uint32)
        side = offsets, counts, row_order
        kernels.fill(weights, magnitude, how.rows_of_slab, side, (values, bits))
        named = {"values": values.view(dense.dtype), "bits": bits}
        named |= {"offsets": offsets, "counts": counts, "row_order": row_order}
        return Packed(dense.shape, str(dense.dtype), named)

    def unpack(self, packed: Packed) -> Array:
        """See `Format.unpack`. Raises: ValueError for arrays that do not fit together."""
        return self._decoded(packed)

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """See `Format.plan`. Raises: ValueError for arrays that do not fit together."""
        from spmvbench.cuda.launch import Resident, limits, resident
        from spmvbench.cuda.names import VALUES

        if packed.on_host:
            self._decoded(packed)
        (rows, cols), limit, value = packed.shape, limits(), VALUES[packed.dtype]
        if reason := _too_wide(packed.shape, limit):
            raise ValueError(reason)
        how, run = cut(packed.shape), launches(packed.shape, limit)[0]
        of_x = "float" if run.itemsize == 4 else value
        template = f"slab_bitmap<{value}, {of_x}, {how.warps}, {run.blocks}>"
        threads = _LANES * how.warps
        kernel = Resident("slab_bitmap.cu", template, run.grid, threads, run.shared_bytes)
        sizes = np.int64(rows), np.int32(cols), np.int32(how.rows_of_slab), np.int32(run.buffers)
        return resident(kernel, packed, device, *sizes)

    def _decoded(self, packed: Packed) -> Array:
        """The matrix, after making sure that no kernel would leave the arrays."""
        from spmvbench.cpu import slab_bitmap as kernels

        arrays = packed.arrays
        _require_sound(cut(packed.shape), packed.shape[0], arrays)
        weights = stored_bits(arrays["values"])
        dense = np.zeros(packed.shape, weights.dtype)
        side = arrays["offsets"], arrays["counts"], arrays["row_order"]
        magnitude = weights.dtype.type(np.iinfo(weights.dtype).max >> 1)
        rows_of_slab = cut(packed.shape).rows_of_slab
        if kernels.unpack((weights, arrays["bits"]), side, magnitude, rows_of_slab, dense):
            raise ValueError(
                f"{self.name}: entries lie outside of their segment or window; "
                "pack the matrix again"
            )
        return dense.view(arrays["values"].dtype)


def cut(shape: tuple[int, int]) -> Cut:
    """Slabs and segments of a matrix of that shape.

    8 warps waste less, as each stream ends in a group that is not full; 16 give few slabs more of
    a multiprocessor. Slabs of fewer rows are for matrices that would else have less than one each.
    """
    rows, cols = shape
    rows_of_slab = _LANES
    while rows_of_slab > _LEAST_ROWS and rows * 2 <= _FEW_SLABS * rows_of_slab:
        rows_of_slab //= 2
    warps = 16 if rows < _FEW_ROWS or cols > _WIDE else 8
    words = -(-cols // (_WORD * warps * (_LANES // rows_of_slab)))
    return Cut(rows_of_slab, warps, -(-rows // rows_of_slab), words)


def shared_bytes(shape: tuple[int, int], itemsize: int, buffers: int) -> int:
    """Dynamic shared memory of a block: x with so many bytes an element, and bits of slabs."""
    how = cut(shape)
    columns = how.warps * (_LANES // how.rows_of_slab) * how.words * _WORD
    bits = how.warps * (how.words + _SPARE) * _LANES * 4
    return itemsize * (columns + _GROUP) + buffers * bits


def launches(shape: tuple[int, int], limit: Limits) -> list[Launch]:
    """What that GPU has the shared memory for, the best first; it may be nothing.

    The fewest rounds of slabs, then the most groups in flight, then x as float, then the bits of
    two slabs: a block that has a single slab keeps one.
    """
    how, found = cut(shape), []
    for blocks, itemsize, buffers in product(BLOCKS[how.warps], (4, 2), (2, 1)):
        need = shared_bytes(shape, itemsize, buffers)
        at_once = min(blocks, limit.blocks(need)) if need <= limit.shared_bytes else 0
        if at_once:
            rounds = -(-how.slabs // (limit.multiprocessors * at_once))
            if rounds > 1 or buffers == 1:
                grid = min(limit.multiprocessors * at_once, how.slabs)
                found.append((rounds, Launch(blocks, grid, itemsize, buffers, need)))
    return [run for _, run in sorted(found, key=itemgetter(0))]


def _uncounted(cols: int) -> str:
    return f"slab-bitmap counts at most {MOST_COLUMNS:,} columns; the matrix has {cols:,}"


def _too_wide(shape: tuple[int, int], limit: Limits) -> str | None:
    if launches(shape, limit):
        return None
    need = shared_bytes(shape, 2, 1)
    return (
        f"slab-bitmap keeps x and bits in shared memory: {need:,} bytes a block, this GPU has "
        f"{limit.shared_bytes:,}"
    )


def _places(how: Cut, groups: Array) -> tuple[Array, Array, int]:
    """offsets, counts and the groups in all. Shape: groups (rows, segments), rows in order."""
    parts = _LANES // how.rows_of_slab
    whole = np.zeros((how.slabs * how.rows_of_slab, how.warps * parts), np.int64)
    whole[: len(groups)] = groups
    streams = whole.reshape(how.slabs, how.rows_of_slab, how.warps, parts).transpose(0, 2, 3, 1)
    counts = np.zeros((how.slabs, how.warps, _LANES), np.uint16)
    counts[...] = streams.reshape(counts.shape)
    ends = np.cumsum(-(-streams.sum(axis=(2, 3)).ravel() // _ALIGNED) * _ALIGNED)
    stored = int(ends[-1]) if ends.size else 0
    if stored >= _MOST_OFFSET:
        raise ValueError(f"slab-bitmap: {stored:,} groups of entries, its offsets count below 2^32")
    offsets = np.zeros(how.slabs * how.warps, np.uint32)
    offsets[1:] = ends[:-1]
    return offsets.reshape(how.slabs, how.warps), counts, stored


def _require_sound(how: Cut, rows: int, arrays: Any) -> None:
    """Raise ValueError unless every group that is counted is there."""
    name = SlabBitmap.name
    require_size(name, "offsets", arrays["offsets"], (how.slabs, how.warps))
    require_size(name, "counts", arrays["counts"], (how.slabs, how.warps, _LANES))
    require_size(name, "bits", arrays["bits"], (how.slabs, how.warps, how.words, _LANES))
    require_size(name, "row_order", arrays["row_order"], (rows,))
    stored = arrays["values"].size // _GROUP
    require_size(name, "values", arrays["values"], (stored * _GROUP,))
    ends = arrays["offsets"].astype(np.int64) + arrays["counts"].sum(axis=2, dtype=np.int64)
    rows_once = np.array_equal(np.sort(arrays["row_order"]), np.arange(rows))
    if (ends > stored).any() or not rows_once:
        raise ValueError(f"{name}: counts, offsets and rows contradict; pack the matrix again")
