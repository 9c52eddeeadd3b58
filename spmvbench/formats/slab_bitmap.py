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

docs/formats.md fixes the bytes, kernels/slab_bitmap.cu reads them. For GPUs.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from spmvbench.cpu.arrays import bits_of, require_size, stored_bits
from spmvbench.dtypes import Array, is_on_host
from spmvbench.formats.base import Format, MatVec, Packed, Target
from spmvbench.problems.base import Problem
from spmvbench.slabs import (
    GROUP,
    LANES,
    Launch,
    launched,
    launches,
    offsets_of,
    order_of_rows,
    rows_of_slab,
    warps_of_slab,
)

if TYPE_CHECKING:
    from spmvbench.cuda.launch import Limits

_WORD = 32
_SPARE = 2  # words of bits, of each lane, that the kernel adds
_WIDE = 16384
MOST_COLUMNS = 2**22


@dataclass(frozen=True)
class Cut:
    """How a matrix is cut. `words`: of 32 columns, of a segment."""

    rows_of_slab: int
    warps: int
    slabs: int
    words: int


class SlabBitmap(Format):
    """See the module."""

    name = "slab-bitmap"
    devices = ("cuda",)
    dtypes = ("float16", "bfloat16")
    batches: ClassVar = {"cuda": (1,)}
    packs_on: ClassVar[tuple[str, ...]] = ("cpu", "cuda")

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
        weights, _ = bits_of(dense, self.dtypes, self.name)
        if weights.shape[1] > MOST_COLUMNS:
            raise ValueError(_uncounted(weights.shape[1]))
        if is_on_host(weights):
            from spmvbench.cpu.slab_bitmap import packed
        else:
            from spmvbench.cuda.slab_bitmap_packing import packed

        how = cut(weights.shape)
        of_bits = how.slabs, how.warps, how.words, LANES
        values, bits, side = packed(weights, of_bits, how.rows_of_slab, partial(_dealt, how))
        offsets, counts, row_order = side
        named = {"values": values.view(dense.dtype), "bits": bits}
        named |= {"offsets": offsets, "counts": counts, "row_order": row_order}
        return Packed(dense.shape, str(dense.dtype), named)

    def unpack(self, packed: Packed) -> Array:
        """See `Format.unpack`. Raises: ValueError for arrays that do not fit together."""
        return self._decoded(packed)

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """See `Format.plan`. Raises: ValueError for arrays that do not fit together."""
        from spmvbench.cuda.launch import limits

        if packed.on_host:
            self._decoded(packed)
        limit = limits()
        if reason := _too_wide(packed.shape, limit):
            raise ValueError(reason)
        how, run = cut(packed.shape), runs(packed.shape, limit)[0]
        rows, buffers = how.rows_of_slab, np.int32(run.buffers)
        return launched("slab_bitmap", (), packed, device, rows, how.warps, run, buffers)

    def _decoded(self, packed: Packed) -> Array:
        """The matrix, after making sure that no kernel would leave the arrays."""
        from spmvbench.cpu import slab_bitmap as kernels

        arrays = packed.arrays
        _require_sound(cut(packed.shape), packed.shape[0], arrays)
        weights = stored_bits(arrays["values"])
        dense = np.zeros(packed.shape, weights.dtype)
        side = arrays["offsets"], arrays["counts"], arrays["row_order"]
        rows_of_slab = cut(packed.shape).rows_of_slab
        if kernels.unpack((weights, arrays["bits"]), side, rows_of_slab, dense):
            raise ValueError(
                f"{self.name}: entries lie outside of their segment or window; "
                "pack the matrix again"
            )
        return dense.view(arrays["values"].dtype)


def cut(shape: tuple[int, int]) -> Cut:
    """How a matrix of that shape is cut. In wide ones 16 warps share an x and its bits."""
    rows, cols = shape
    of_slab = rows_of_slab(rows)
    warps = 16 if cols > _WIDE else warps_of_slab(rows)
    words = -(-cols // (_WORD * warps * (LANES // of_slab)))
    return Cut(of_slab, warps, -(-rows // of_slab), words)


def shared_bytes(shape: tuple[int, int], itemsize: int, buffers: int) -> int:
    """Dynamic shared memory of a block: x with so many bytes an element, and bits of slabs."""
    how = cut(shape)
    columns = how.warps * (LANES // how.rows_of_slab) * how.words * _WORD
    bits = how.warps * (how.words + _SPARE) * LANES * 4
    return itemsize * (columns + GROUP) + buffers * bits


def runs(shape: tuple[int, int], limit: Limits) -> list[Launch]:
    """How the kernel may run on that GPU, the best first; it may be not at all."""
    how = cut(shape)
    choices = tuple(product((4, 2), (2, 1)))
    return launches(how.slabs, how.warps, limit, choices, partial(shared_bytes, shape))


def _uncounted(cols: int) -> str:
    return f"slab-bitmap counts at most {MOST_COLUMNS:,} columns; the matrix has {cols:,}"


def _too_wide(shape: tuple[int, int], limit: Limits) -> str | None:
    if runs(shape, limit):
        return None
    need = shared_bytes(shape, 2, 1)
    return (
        f"slab-bitmap keeps x and bits in shared memory: {need:,} bytes a block, this GPU has "
        f"{limit.shared_bytes:,}"
    )


def _dealt(how: Cut, groups: Array) -> tuple[tuple[Array, Array, Array], int]:
    """offsets, counts and row_order, and the groups in all. Shape: groups (rows, segments)."""
    row_order = order_of_rows(groups.sum(axis=1))
    parts = LANES // how.rows_of_slab
    whole = np.zeros((how.slabs * how.rows_of_slab, how.warps * parts), np.int64)
    whole[: len(groups)] = groups[row_order]
    streams = whole.reshape(how.slabs, how.rows_of_slab, how.warps, parts).transpose(0, 2, 3, 1)
    counts = np.zeros((how.slabs, how.warps, LANES), np.uint16)
    counts[...] = streams.reshape(counts.shape)
    offsets, stored = offsets_of(SlabBitmap.name, streams.sum(axis=(2, 3)))
    return (offsets, counts, row_order), stored


def _require_sound(how: Cut, rows: int, arrays: Any) -> None:
    """Raise ValueError unless every group that is counted is there."""
    name = SlabBitmap.name
    require_size(name, "offsets", arrays["offsets"], (how.slabs, how.warps))
    require_size(name, "counts", arrays["counts"], (how.slabs, how.warps, LANES))
    require_size(name, "bits", arrays["bits"], (how.slabs, how.warps, how.words, LANES))
    require_size(name, "row_order", arrays["row_order"], (rows,))
    stored = arrays["values"].size // GROUP
    require_size(name, "values", arrays["values"], (stored * GROUP,))
    ends = arrays["offsets"].astype(np.int64) + arrays["counts"].sum(axis=2, dtype=np.int64)
    rows_once = np.array_equal(np.sort(arrays["row_order"]), np.arange(rows))
    if (ends > stored).any() or not rows_once:
        raise ValueError(f"{name}: counts, offsets and rows contradict; pack the matrix again")
