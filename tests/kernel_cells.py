"""Kernels on the battery: cells, what their products must be, and what is wrong with what came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from cuhost.host_module import HostModule
from kernel_table import KERNELS

from spmvbench.battery import BATTERY
from spmvbench.check import expect, judge
from spmvbench.dtypes import DTYPES
from spmvbench.formats import resolve
from spmvbench.formats.base import Packed
from spmvbench.problems import Problem
from spmvbench.problems.vectors import vector


def _streams(dtype):
    """Rows of which 8 shares have 1 to 23 groups, or one more: what the loops of slabs are for."""
    rows = np.arange(230)
    entries = 8 * (8 * (1 + rows // 10) + rows % 10)
    dense = np.where(np.arange(1700) < entries[:, None], 1 + np.arange(1700) % 5, 0)
    dense[::3, 1690:1696] = 2
    return dense.astype(DTYPES[dtype])


def _segments(dtype):
    """Segments whose rows all have 5 to 20 groups, or a few more: what the loops of slabs are for.

    In the last one rows end with a group that is not full.
    """
    dense = np.zeros((70, 16, 224), np.float32)
    for segment in range(16):
        dense[:, segment, : 8 * (segment + 5)] = 1 + np.arange(8 * (segment + 5)) % 5
    dense[::3, :, 190:196] = 2
    dense[1::3, 15, 160:164] = dense[1::3, :, -1:] = 3
    return dense.reshape(70, 3584).astype(DTYPES[dtype])


def _steps(dtype):
    """Rows of 0 to 9 steps of 512 entries, about as many as whole ones; they begin anywhere."""
    random, cols = np.random.default_rng(5), 6000
    lengths = [0, 3, 511, 512, 513, 0, 1020, 1025, 1530, 2041, 2048, 2053, 4500, 7, 0, 3077, 90]
    dense = np.zeros((len(lengths), cols), np.float32)
    for row, stored in enumerate(lengths):
        dense[row, random.choice(cols, stored, replace=False)] = 1 + np.arange(stored) % 5
    return dense.astype(DTYPES[dtype])


MATRICES = {
    **BATTERY,
    "streams of every length": _streams,
    "segments of every length": _segments,
    "rows of a few steps": _steps,
}

# What the loops of a fast kernel are for, by its file.
OF_LOOPS = {
    "slab.cu": "streams of every length",
    "slab_bitmap.cu": "segments of every length",
    "macko_fast.cu": "rows of a few steps",
}

# Of the blocks that the checker looks at one by one, every so many: 65,537 columns have 129.
EVERY = 16


@cache
def _packed(name, matrix, dtype):
    return KERNELS[name].pack(MATRICES[matrix](dtype))


@cache
def _expected(fmt, matrix, dtype, batch):
    """What the products must be: the whole, then some blocks. Lossless formats share theirs."""
    dense = MATRICES[matrix](dtype)
    if fmt:
        dense = resolve(fmt).unpack(resolve(fmt).pack(dense))
    (parts,) = expect(dense, _x(dense.shape[1], batch))
    return [parts[0], *parts[1::EVERY]] if len(parts) > 2 else parts[:1]


@cache
def _x(cols, batch):
    return vector(Problem(1, cols, 1.0, batch=batch), 0).reshape(cols, batch)


@dataclass(frozen=True)
class Cell:
    """A kernel, a matrix of the battery, its dtype, the columns of x.

    `origin`: row pointers of 64 bits, and as many entries more than the arrays have begin before
    their memory does. From 1 to 2^31 - 1: of 32 bits.
    """

    kernel: str
    matrix: str
    dtype: str
    batch: int
    origin: int | None = None

    @property
    def possible(self) -> bool:
        kernel = KERNELS[self.kernel]
        takes = self.dtype in kernel.dtypes and self.batch in kernel.batches
        return takes and not (kernel.columns_in_16_bits and self.matrix == "65,537 columns")

    @property
    def packed(self):
        packed = _packed(self.kernel, self.matrix, self.dtype)
        if self.origin is None:
            return packed
        pointers = packed.arrays["row_pointers"].astype(np.int64) + self.origin
        if 0 < self.origin < 2**31:
            pointers = pointers.astype(np.int32)
        return Packed(packed.shape, packed.dtype, {**packed.arrays, "row_pointers": pointers})

    @property
    def shifts(self):
        """By how much the address of each array is lowered."""
        origin = self.origin or 0
        itemsize = DTYPES[self.dtype].itemsize
        nbytes = {"values": itemsize * origin, "columns": 2 * origin, "deltas": origin // 2}
        return tuple(nbytes.get(name, 0) for name in self.packed.arrays)

    @cached_property
    def expected(self):
        fmt = KERNELS[self.kernel].format
        return _expected("" if resolve(fmt).lossless else fmt, self.matrix, self.dtype, self.batch)

    def launches(self, order):
        """One for every part that is checked: x is zero outside of its columns."""
        packed = self.packed
        x = _x(packed.shape[1], self.batch)
        for part in self.expected:
            kept = np.zeros_like(x)
            kept[part.start : part.stop] = x[part.start : part.stop]
            given = kept.astype(DTYPES[self.dtype])
            yield KERNELS[self.kernel].launch(packed, given, order, self.shifts)

    def faults(self, ys) -> Iterator[str]:
        """What is outside of the bound of the checker, one line a part."""
        precision = resolve(KERNELS[self.kernel].format).precision(self.dtype, "cuda")
        for part, y in zip(self.expected, ys, strict=True):
            y = y.view(DTYPES[self.dtype]).astype(np.float64)
            fault = judge(y, part, precision)
            if fault.share > 1:
                yield f"{self}, columns {part.start} to {part.stop}: {fault}"


def of_loops(kernel) -> list[str]:
    return [OF_LOOPS[KERNELS[kernel].file.name]] if KERNELS[kernel].fast else []


def cells(kernel, dtypes, batches, matrices=(), origin=None) -> list[Cell]:
    """Those that exist. Without matrices: of the battery, and of a fast kernel one more."""
    matrices = matrices or [*BATTERY, *of_loops(kernel)]
    every = (Cell(kernel, m, d, b, origin) for m in matrices for d in dtypes for b in batches)
    return [cell for cell in every if cell.possible]


def wrong(module: HostModule, todo: Iterable[Cell], order=0, timeout_s=300) -> list[str]:
    """The faults of all cells, run in one process. Raises: RuntimeError where that ends early."""
    todo = list(todo)
    asked = [list(cell.launches(order)) for cell in todo]
    ys = iter(module.run([launch for one in asked for launch in one], timeout_s))
    with np.errstate(all="ignore"):
        return [
            fault
            for cell, one in zip(todo, asked, strict=True)
            for fault in cell.faults([next(ys) for _ in one])
        ]
