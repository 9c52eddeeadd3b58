"""CSR with 16-bit columns: 16-bit values make it 32 bits per non-zero, half of usual CSR.

A row with a, b, c, d in columns 0, 1, 5, 25:

    column    0    1    2  3  4    5    6 ...  25
    dense     a    b    .  .  .    c    .       d
    entry     0    1               2            3
    values    a    b               c            d
    columns   0    1               5           25      uint16

Row r owns entries row_pointers[r] .. row_pointers[r + 1]. Nothing is padded.
docs/formats.md fixes the bytes.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from spmvbench.cpu.arrays import (
    bits_of,
    require_columns,
    require_pointers,
    require_size,
    row_pointers,
    stored_bits,
)
from spmvbench.cuda import BATCHES
from spmvbench.dtypes import Array, is_on_host
from spmvbench.formats.base import Format, MatVec, Packed, Target
from spmvbench.problems.base import Problem

MOST_COLUMNS = 2**16
_ROW_COST = 16  # entries that would take as long as what a row costs by itself


class Csr16(Format):
    """See the module. The smallest of ours at very low densities, where gaps are wide."""

    name = "csr16"
    devices = ("cpu", "cuda")
    batches: ClassVar = {"cuda": BATCHES}
    packs_on: ClassVar[tuple[str, ...]] = ("cpu", "cuda")

    def unavailable(self, device: str, problem: Problem | None = None) -> str | None:
        """See `Format.unavailable`."""
        reason = super().unavailable(device, problem)
        return reason or (self._too_wide(problem.cols) if problem else None)

    def pack(self, dense: Array) -> Packed:
        """See `Format.pack`. Raises: ValueError for what it cannot hold."""
        bits, magnitude = bits_of(dense, self.dtypes, self.name)
        if reason := self._too_wide(dense.shape[1]):
            raise ValueError(reason)
        select = _on_host if is_on_host(bits) else _on_device
        values, columns, pointers = select(bits, magnitude)
        arrays = {
            "values": values.view(dense.dtype),
            "columns": columns,
            "row_pointers": pointers,
        }
        return Packed(dense.shape, str(dense.dtype), arrays)

    def unpack(self, packed: Packed) -> Array:
        """See `Format.unpack`. Raises: ValueError for arrays that do not fit together."""
        from spmvbench.cpu import csr16 as kernels

        values, columns, pointers = self._checked(packed)
        bits = stored_bits(values)
        dense = np.zeros(packed.shape, bits.dtype)
        kernels.unpack(bits, columns, pointers, dense)
        return dense.view(values.dtype)

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """See `Format.plan`. Raises: ValueError for arrays that do not fit together."""
        if device.kind == "cuda":
            return self._on_gpu(packed, device)
        from spmvbench.cpu import csr16 as kernels
        from spmvbench.cpu.floats import kernel_view
        from spmvbench.cpu.launch import launch, row_work, shares
        from spmvbench.cpu.tier import GENERIC, tier

        values, columns, pointers = self._checked(packed)
        arrays = kernel_view(values), columns, pointers
        work = row_work(pointers, _ROW_COST)
        if tier() != GENERIC:
            from spmvbench.cpu import simd

            matrix = simd.csr16.matrix(device, arrays, packed.shape[1])
            threads = simd.workers(device.threads, simd.csr16.nanoseconds(matrix, device.batch))
            return simd.launch(matrix, packed.shape, work, threads, device.batch)
        put = [device.put(array) for array in arrays]
        bounds = shares(work, device.threads)
        return launch(
            kernels.product_rows, kernels.product, put, packed.shape, bounds, device.batch
        )

    def _on_gpu(self, packed: Packed, device: Target) -> MatVec:
        from spmvbench.cuda.launch import Kernel, launch, pointer_type

        if packed.on_host:
            self._checked(packed)
        pointers = pointer_type(packed.arrays["row_pointers"])
        return launch(Kernel("csr16", rows=8), packed, device, pointers)

    def _too_wide(self, cols: int) -> str | None:
        if cols <= MOST_COLUMNS:
            return None
        return f"{self.name} has 16-bit columns, at most {MOST_COLUMNS}; the matrix has {cols}"

    def _checked(self, packed: Packed) -> tuple[Array, Array, Array]:
        """The arrays, after making sure that no kernel would leave them."""
        values, columns, pointers = (
            packed.arrays[key] for key in ("values", "columns", "row_pointers")
        )
        require_pointers(self.name, pointers, packed.shape[0])
        require_size(self.name, "values", values, (int(pointers[-1]),))
        require_size(self.name, "columns", columns, values.shape)
        widest = int(columns.max()) + 1 if columns.size else 0
        require_columns(self.name, widest, packed.shape[1])
        return values, columns, pointers


def _on_host(bits: Array, magnitude: Any) -> tuple[Array, Array, Array]:
    from spmvbench.cpu.tier import AVX512, tier

    return (_select if tier() == AVX512 else _select_portably)(bits, magnitude)


def _on_device(bits: Array, magnitude: Any) -> tuple[Array, Array, Array]:
    import cupy

    from spmvbench.cuda import packing

    pointers = packing.row_pointers(packing.count("pack_csr16.cu", "count_stored", bits))
    values = cupy.empty(int(pointers[-1]), bits.dtype)
    columns = cupy.empty(values.size, np.uint16)
    packing.fill("pack_csr16.cu", "pack_entries", bits, pointers, values, columns)
    packing.wait()
    return values, columns, pointers


def _select(bits: Array, magnitude: Any) -> tuple[Array, Array, Array]:
    from spmvbench.cpu.simd import packing

    mask, counts = packing.nonzeros(bits, magnitude)
    pointers = row_pointers(counts)
    values = np.empty(int(pointers[-1]), bits.dtype)
    columns = np.empty(values.size, np.uint16)
    packing.fill(bits, mask, pointers, values, magnitude)
    packing.columns(bits, mask, pointers, columns)
    return values, columns, pointers


def _select_portably(bits: Array, magnitude: Any) -> tuple[Array, Array, Array]:
    from spmvbench.cpu import csr16 as kernels
    from spmvbench.cpu import nonzeros

    counts = np.empty(bits.shape[0], np.int64)
    nonzeros.count(bits, magnitude, counts)
    pointers = row_pointers(counts)
    values = np.empty(int(pointers[-1]), bits.dtype)
    columns = np.empty(values.size, np.uint16)
    kernels.fill(bits, magnitude, pointers, values, columns)
    return values, columns, pointers
