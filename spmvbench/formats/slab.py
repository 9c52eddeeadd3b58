"""Slabs: 32 rows side by side, so that a GPU's 32 lanes decode a row each.

A slab is 32 rows. The columns are cut into 8 or 16 segments of equal width. What a row has in
a segment is its stream: entries of a value and the zeros skipped before it, as in `macko`, but with
4, 5 or 6 bits for the gap, and in whole groups of 8. The streams of a slab and segment lie group by
group, the longest stream first; with four rows instead of 32:

    row          2   0   3   1     the order of lanes in this segment, by length
    groups       3   2   2   1
    group 0      A   B   C   D     16 bytes of values each, then the next
    group 1      A   B   C
    group 2      A

so nothing is stored for a stream that has ended. Rows are dealt to slabs by length, the longest
first: lanes of a slab end at about the same time, and long slabs come early.

No row pointers: `headers` says how many groups a stream has, `offsets` where the first lies.
docs/formats.md fixes the bytes, kernels/slab.cu reads them. For GPUs, packed on the host.
"""

from __future__ import annotations

import sys
from typing import Any, ClassVar

import numpy as np

from spmvbench.cpu.arrays import bits_of, require_size, stored_bits
from spmvbench.dtypes import Array
from spmvbench.formats.base import Format, MatVec, Packed, Target
from spmvbench.problems.base import Problem

_LANES = 32
_GROUP = 8
_ALIGNED = 4  # groups: a slab and segment begins at a multiple of 64 bytes of values
_MOST_GROUPS = 2**11 - 1  # of a stream: they have 11 bits in a header
MOST_COLUMNS = 16 * _MOST_GROUPS * _GROUP
_MOST_OFFSET = 2**32
_WARPS = 16  # of a multiprocessor: one block or two
_FEW_ROWS, _WIDE = 8192, 16384
_HIGH = {4: np.uint8, 5: np.uint8, 6: np.uint16}


class Slab4(Format):
    """See the module. The smallest of the three above a density of about 0.17."""

    name = "slab4"
    devices = ("cuda",)
    dtypes = ("float16", "bfloat16")
    batches: ClassVar = {"cuda": (1,)}
    gap_bits: ClassVar[int] = 4

    def unavailable(self, device: str, problem: Problem | None = None) -> str | None:
        """See `Format.unavailable`; also where x does not fit in the GPU's shared memory."""
        reason = super().unavailable(device, problem)
        if reason or problem is None:
            return reason
        return _too_wide(self.name, (problem.rows, problem.cols))

    def pack(self, dense: Array) -> Packed:
        """See `Format.pack`. Raises: ValueError for what is no matrix of a known type."""
        from spmvbench.cpu import slab as kernels

        bits, magnitude = bits_of(dense, self.dtypes, self.name)
        rows, cols = bits.shape
        if cols > MOST_COLUMNS:
            raise ValueError(_uncounted(self.name, cols))
        counts = np.zeros((rows, segments(bits.shape)), np.int64)
        kernels.count(bits, magnitude, self.gap_bits, _width(bits.shape), counts)
        groups = -(-counts // _GROUP)
        row_order = np.argsort(-groups.sum(axis=1), kind="stable").astype(np.uint32)
        offsets, headers, stored = _places(self.name, groups[row_order])
        values = np.zeros(stored * _GROUP, bits.dtype)
        low = np.zeros(stored, np.uint32)
        high = np.zeros(stored if self.gap_bits > 4 else 0, _HIGH[self.gap_bits])
        side, arrays = (offsets, headers, row_order), (values, low, high)
        kernels.fill(bits, magnitude, self.gap_bits, _width(bits.shape), side, arrays)
        named = {"values": values.view(dense.dtype), "low": low, "high": high}
        named |= {"offsets": offsets, "headers": headers, "row_order": row_order}
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
        shape, limit, value = packed.shape, limits(), VALUES[packed.dtype]
        if reason := _too_wide(self.name, shape):
            raise ValueError(reason)
        fits = shared_bytes(shape, 4) <= limit.shared_bytes
        of_x, shared = (
            ("float", shared_bytes(shape, 4)) if fits else (value, shared_bytes(shape, 2))
        )
        cut = segments(shape)
        blocks = min(limit.multiprocessors * _WARPS // cut, -(-shape[0] // _LANES))
        template = f"slab<{value}, {of_x}, {self.gap_bits}, {cut}>"
        how = Resident("slab.cu", template, blocks, _LANES * cut, shared)
        return resident(how, packed, device, np.int64(shape[0]), np.int32(shape[1]))

    def _decoded(self, packed: Packed) -> Array:
        """The matrix, after making sure that no kernel would leave the arrays."""
        from spmvbench.cpu import slab as kernels

        rows, cols = packed.shape
        arrays = packed.arrays
        _require_sound(self.name, packed.shape, arrays, _HIGH[self.gap_bits], self.gap_bits > 4)
        bits = stored_bits(arrays["values"])
        dense = np.zeros((rows, cols), bits.dtype)
        side = arrays["offsets"], arrays["headers"], arrays["row_order"]
        magnitude = bits.dtype.type(np.iinfo(bits.dtype).max >> 1)
        planes = bits, arrays["low"], arrays["high"]
        if kernels.unpack(planes, side, magnitude, self.gap_bits, _width(packed.shape), dense):
            raise ValueError(
                f"{self.name}: entries lie outside of their segment; pack the matrix again"
            )
        return dense.view(arrays["values"].dtype)


class Slab5(Slab4):
    """See the module. The smallest of the three from a density of about 0.09 to 0.17."""

    name = "slab5"
    gap_bits: ClassVar[int] = 5


class Slab6(Slab4):
    """See the module. The smallest of the three below a density of about 0.09."""

    name = "slab6"
    gap_bits: ClassVar[int] = 6


def segments(shape: tuple[int, int]) -> int:
    """How many segments the columns are cut into.

    8 waste less, as each ends in a group that is not full; 16 give the few slabs of a matrix with
    few rows more warps. In wide segments the lanes drift apart.
    """
    rows, cols = shape
    return 16 if rows < _FEW_ROWS or cols > _WIDE else 8


def shared_bytes(shape: tuple[int, int], itemsize: int) -> int:
    """Dynamic shared memory that a block asks for, with so many bytes an element of x."""
    room = segments(shape) * _width(shape) + 2 * _GROUP - 1
    sums = 2 * segments(shape) * _LANES * 4
    return itemsize * (room - room % _GROUP) + sums


def _width(shape: tuple[int, int]) -> int:
    """The columns of a segment."""
    return -(-shape[1] // segments(shape))


def _uncounted(name: str, cols: int) -> str:
    return f"{name} counts at most {MOST_COLUMNS:,} columns; the matrix has {cols:,}"


def _too_wide(name: str, shape: tuple[int, int]) -> str | None:
    if shape[1] > MOST_COLUMNS:
        return _uncounted(name, shape[1])
    if "cupy" not in sys.modules:
        return None  # no GPU is in use: `plan` asks again
    from spmvbench.cuda.launch import limits

    need, most = shared_bytes(shape, 2), limits().shared_bytes
    if need > most:
        return f"{name} keeps x in shared memory: {need:,} bytes a block, this GPU has {most:,}"
    return None


def _places(name: str, groups: Array) -> tuple[Array, Array, int]:
    """offsets, headers and the groups in all. Shape: groups (rows, segments), rows in order."""
    slabs = -(-len(groups) // _LANES)
    cut = groups.shape[1]
    whole = np.zeros((slabs * _LANES, cut), np.int64)
    whole[: len(groups)] = groups
    streams = whole.reshape(slabs, _LANES, cut).transpose(0, 2, 1)
    lanes = np.argsort(-streams, axis=2, kind="stable")
    streams = np.take_along_axis(streams, lanes, axis=2)
    ends = np.cumsum(-(-streams.sum(axis=2).ravel() // _ALIGNED) * _ALIGNED)
    stored = int(ends[-1]) if ends.size else 0
    if stored >= _MOST_OFFSET:
        raise ValueError(f"{name}: {stored:,} groups of entries, its offsets count below 2^32")
    offsets = np.zeros(slabs * cut, np.uint32)
    offsets[1:] = ends[:-1]
    headers = (streams << 5 | lanes).astype(np.uint16)
    return offsets.reshape(slabs, cut), headers, stored


def _require_sound(
    name: str, shape: tuple[int, int], arrays: Any, high: Any, has_high: bool
) -> None:
    """Raise ValueError unless every group that the headers speak of is there."""
    rows, cut = shape[0], segments(shape)
    slabs = -(-rows // _LANES)
    require_size(name, "offsets", arrays["offsets"], (slabs, cut))
    require_size(name, "headers", arrays["headers"], (slabs, cut, _LANES))
    require_size(name, "row_order", arrays["row_order"], (rows,))
    groups = (arrays["headers"] >> 5).astype(np.int64)
    ends = arrays["offsets"].astype(np.int64) + groups.sum(axis=2)
    stored = arrays["low"].size
    require_size(name, "values", arrays["values"], (stored * _GROUP,))
    require_size(name, "high", arrays["high"], (stored if has_high else 0,))
    lanes = np.sort(arrays["headers"] & (_LANES - 1), axis=2)
    sound = (
        (groups[:, :, 1:] <= groups[:, :, :-1]).all()
        and (lanes == np.arange(_LANES)).all()
        and (ends <= stored).all()
        and np.array_equal(np.sort(arrays["row_order"]), np.arange(rows))
        and arrays["high"].dtype == high
    )
    if not sound:
        raise ValueError(f"{name}: headers, offsets and rows contradict; pack the matrix again")
