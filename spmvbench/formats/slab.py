"""Slabs: rows side by side, so that a GPU's 32 lanes each decode a stretch of a row of their own.

A slab is 32 rows, or 16 or 8 where the matrix has few. The stream of a row is its entries of a
value and the zeros skipped before it, as in `macko`, but with 4, 5 or 6 bits for the gap, and in
whole groups of 8. It is cut into as many equal shares as a block has lanes for: with 8 warps and
slabs of 32 rows, 8. So the warps of a block are done at the same time, and what a last group wastes
is wasted once a row. A warp's groups lie side by side; with four lanes instead of 32:

    lane         0   1   2   3     row 0, 1, 2, 3 of the slab
    groups       3   3   2   1     of the share
    group 0      A   B   C   D     16 bytes of values each, then the next
    group 1      A   B   C
    group 2      A   B

so nothing is stored for a share that has ended. Rows are dealt to slabs by length, the longest
first: lanes of a slab end at about the same time, and long slabs come early.

`groups` has what the row pointers of other formats say; `starts` the column that a share begins at,
`offsets` where a warp's groups lie. docs/formats.md fixes the bytes, kernels/slab.cu reads them.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from spmvbench.cpu.arrays import bits_of, require_size, stored_bits
from spmvbench.dtypes import Array, is_on_host, to_host
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

_HIGH = {4: np.uint8, 5: np.uint8, 6: np.uint16}

MOST_COLUMNS = 2**16
"""`starts` are of 16 bits."""


@dataclass(frozen=True)
class Cut:
    """How a matrix is cut: rows of a slab, and warps that a slab's shares are dealt to."""

    rows: int
    warps: int


class Slab4(Format):
    """See the module. The smallest of the three above a density of about 0.17."""

    name = "slab4"
    devices = ("cuda",)
    dtypes = ("float16", "bfloat16")
    batches: ClassVar = {"cuda": (1,)}
    packs_on: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    gap_bits: ClassVar[int] = 4

    def unavailable(self, device: str, problem: Problem | None = None) -> str | None:
        """See `Format.unavailable`; also where x does not fit in the GPU's shared memory."""
        reason = super().unavailable(device, problem)
        if reason or problem is None:
            return reason
        return _too_wide(self.name, (problem.rows, problem.cols))

    def pack(self, dense: Array) -> Packed:
        """See `Format.pack`. Raises: ValueError for what is no matrix of a known type."""
        bits, _ = bits_of(dense, self.dtypes, self.name)
        rows, cols = bits.shape
        if cols > MOST_COLUMNS:
            raise ValueError(_uncounted(self.name, cols))
        kernels, xp = _there(bits)
        counts = xp.zeros(rows, np.int64)
        kernels.count(bits, self.gap_bits, counts)
        groups_of_rows = -(-to_host(counts) // GROUP)
        order = order_of_rows(groups_of_rows)
        begins, of_slabs, stored = places(self.name, groups_of_rows[order], cut(bits.shape))
        offsets, groups, row_order = map(xp.asarray, (begins, of_slabs, order))
        starts = xp.zeros((*offsets.shape, LANES), np.uint16)
        values = xp.zeros(stored * GROUP, bits.dtype)
        low = xp.zeros(stored, np.uint32)
        high = xp.zeros(stored if self.gap_bits > 4 else 0, _HIGH[self.gap_bits])
        side, arrays = (offsets, starts, groups, row_order), (values, low, high)
        kernels.fill(bits, self.gap_bits, side, arrays)
        named = {"values": values.view(dense.dtype), "low": low, "high": high}
        named |= {"offsets": offsets, "starts": starts, "groups": groups, "row_order": row_order}
        return Packed(dense.shape, str(dense.dtype), named)

    def unpack(self, packed: Packed) -> Array:
        """See `Format.unpack`. Raises: ValueError for arrays that do not fit together."""
        return self._decoded(packed)

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """See `Format.plan`. Raises: ValueError for arrays that do not fit together."""
        from spmvbench.cuda.launch import limits

        if packed.on_host:
            self._decoded(packed)
        if reason := _too_wide(self.name, packed.shape):
            raise ValueError(reason)
        how, run = cut(packed.shape), runs(packed.shape, limits())[0]
        return launched("slab", (self.gap_bits,), packed, device, how.rows, how.warps, run)

    def _decoded(self, packed: Packed) -> Array:
        """The matrix, after making sure that no kernel would leave the arrays."""
        from spmvbench.cpu import slab as kernels

        arrays = packed.arrays
        _require_sound(self.name, packed.shape, arrays, _HIGH[self.gap_bits], self.gap_bits > 4)
        bits = stored_bits(arrays["values"])
        dense = np.zeros(packed.shape, bits.dtype)
        side = arrays["offsets"], arrays["starts"], arrays["groups"], arrays["row_order"]
        planes = bits, arrays["low"], arrays["high"]
        if kernels.unpack(planes, side, self.gap_bits, dense):
            raise ValueError(
                f"{self.name}: entries lie outside of the matrix; pack the matrix again"
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


def cut(shape: tuple[int, int]) -> Cut:
    """How a matrix of that shape is cut."""
    return Cut(rows_of_slab(shape[0]), warps_of_slab(shape[0]))


def shared_bytes(shape: tuple[int, int], itemsize: int) -> int:
    """Dynamic shared memory that a block asks for, with so many bytes an element of x."""
    room = shape[1] + 2 * GROUP - 2
    return itemsize * (room - room % GROUP) + 2 * cut(shape).warps * LANES * 4


def places(name: str, groups: Array, how: Cut) -> tuple[Array, Array, int]:
    """offsets, groups by slab and the groups in all. Shape: groups (rows,), rows in order."""
    slabs = -(-len(groups) // how.rows)
    whole = np.zeros((slabs, how.rows), np.int64)
    whole.reshape(-1)[: len(groups)] = groups
    shares = how.warps * LANES // how.rows
    each = (whole[:, None, :] + shares - 1 - np.arange(shares)[:, None]) // shares
    of_warps = each.reshape(slabs, how.warps, LANES).sum(axis=2)
    offsets, stored = offsets_of(name, of_warps)
    return offsets, whole.astype(np.uint16), stored


def runs(shape: tuple[int, int], limit: Limits) -> list[Launch]:
    """How the kernel may run on that GPU, the best first: x as float is an instruction less."""
    how = cut(shape)

    def need(itemsize: int, _: int) -> int:
        return shared_bytes(shape, itemsize)

    return launches(-(-shape[0] // how.rows), how.warps, limit, ((4, 1), (2, 1)), need)


def _there(bits: Array) -> tuple[Any, Any]:
    """What packs where the matrix is, and whose arrays are there."""
    if is_on_host(bits):
        from spmvbench.cpu import slab

        return slab, np
    import cupy

    from spmvbench.cuda import slab_packing

    return slab_packing, cupy


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


def _require_sound(
    name: str, shape: tuple[int, int], arrays: Any, high: Any, has_high: bool
) -> None:
    """Raise ValueError unless every group that the arrays speak of is there."""
    rows, how = shape[0], cut(shape)
    slabs = -(-rows // how.rows)
    require_size(name, "row_order", arrays["row_order"], (rows,))
    require_size(name, "groups", arrays["groups"], (slabs, how.rows))
    require_size(name, "offsets", arrays["offsets"], (slabs, how.warps))
    require_size(name, "starts", arrays["starts"], (slabs, how.warps, LANES))
    groups = arrays["groups"].reshape(-1)
    offsets, _, stored = places(name, groups.astype(np.int64)[:rows], how)
    require_size(name, "low", arrays["low"], (stored,))
    require_size(name, "values", arrays["values"], (stored * GROUP,))
    require_size(name, "high", arrays["high"], (stored if has_high else 0,))
    sound = (
        (groups[1:] <= groups[:-1]).all()
        and not groups[rows:].any()
        and np.array_equal(arrays["offsets"], offsets)
        and np.array_equal(np.sort(arrays["row_order"]), np.arange(rows))
        and arrays["high"].dtype == high
    )
    if not sound:
        raise ValueError(f"{name}: groups, offsets and rows contradict; pack the matrix again")
