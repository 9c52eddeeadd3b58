"""Bitmap: one bit per element says whether it is stored, and the values follow in order.

A row with a, b, c, d in columns 0, 1, 5, 25:

    column    0    1    2  3  4    5    6 ...  25  ...  63
    dense     a    b    .  .  .    c    .       d        .
    bit       1    1    0  0  0    1    0       1        0
    mask      0000000002000023            hex; bit j of word w is column 64 w + j
    values    a    b               c            d

A row has ceil(cols / 64) words; bits past the last column are 0. The k-th set bit of row r is value
row_pointers[r] + k. Nothing is padded. docs/formats.md fixes the bytes.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from spmvbench.cpu.arrays import (
    bits_of,
    require_pointers,
    require_size,
    row_pointers,
    stored_bits,
)
from spmvbench.cuda import BATCHES
from spmvbench.dtypes import Array, is_on_host
from spmvbench.formats.base import Format, MatVec, Packed, Target


class Bitmap(Format):
    """See the module. Within row pointers of the entropy limit at density 0.5."""

    name = "bitmap"
    devices = ("cpu", "cuda")
    batches: ClassVar = {"cuda": BATCHES}
    packs_on: ClassVar[tuple[str, ...]] = ("cpu", "cuda")

    def pack(self, dense: Array) -> Packed:
        """See `Format.pack`. Raises: ValueError for what is no matrix of a known type."""
        bits, magnitude = bits_of(dense, self.dtypes, self.name)
        select = _on_host if is_on_host(bits) else _on_device
        mask, values, pointers = select(bits, magnitude)
        arrays = {"mask": mask, "values": values.view(dense.dtype), "row_pointers": pointers}
        return Packed(dense.shape, str(dense.dtype), arrays)

    def unpack(self, packed: Packed) -> Array:
        """See `Format.unpack`. Raises: ValueError for arrays that do not fit together."""
        from spmvbench.cpu import bitmap as kernels
        from spmvbench.cpu.launch import scratch

        mask, values, pointers = self._checked(packed)
        bits = stored_bits(values)
        dense = np.zeros(packed.shape, bits.dtype)
        kernels.unpack(mask, bits, pointers, dense, scratch(1))
        return dense.view(values.dtype)

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """See `Format.plan`. Raises: ValueError for arrays that do not fit together."""
        if device.kind == "cuda":
            return self._on_gpu(packed, device)
        from spmvbench.cpu import bitmap as kernels
        from spmvbench.cpu.floats import kernel_view
        from spmvbench.cpu.launch import launch, row_work, shares
        from spmvbench.cpu.tier import GENERIC, tier

        mask, values, pointers = self._checked(packed)
        arrays = mask, kernel_view(values), pointers
        work = row_work(pointers, 16 * mask.shape[1])
        if tier() != GENERIC:
            from spmvbench.cpu import simd

            matrix = simd.bitmap.matrix(device, tier(), arrays, packed.shape[1])
            threads = simd.workers(device.threads, simd.bitmap.nanoseconds(matrix, device.batch))
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
        return launch(Kernel("bitmap", rows=8, asks_cols=True), packed, device, pointers)

    def _checked(self, packed: Packed) -> tuple[Array, Array, Array]:
        """The arrays, after making sure that no kernel would leave them."""
        rows, cols = packed.shape
        mask, values, pointers = (packed.arrays[key] for key in ("mask", "values", "row_pointers"))
        require_pointers(self.name, pointers, rows)
        require_size(self.name, "values", values, (int(pointers[-1]),))
        require_size(self.name, "mask", mask, (rows, _words(cols)))
        counts = np.bitwise_count(mask).sum(axis=1, dtype=np.int64)
        outside = cols % 64 and (mask[:, -1] >> np.uint64(cols % 64)).any()
        if outside or (counts != np.diff(pointers)).any():
            raise ValueError(
                f"{self.name}: the mask's set bits are not the row_pointers' entries; "
                "pack the matrix again"
            )
        return mask, values, pointers


def _on_host(bits: Array, magnitude: Any) -> tuple[Array, Array, Array]:
    from spmvbench.cpu.tier import AVX512, tier

    return (_select if tier() == AVX512 else _select_portably)(bits, magnitude)


def _on_device(bits: Array, magnitude: Any) -> tuple[Array, Array, Array]:
    import cupy

    from spmvbench.cuda import packing

    mask = cupy.empty((bits.shape[0], _words(bits.shape[1])), np.uint64)
    pointers = packing.row_pointers(packing.count("pack_bitmap.cu", "pack_mask", bits, mask))
    values = cupy.empty(int(pointers[-1]), bits.dtype)
    packing.fill("pack_bitmap.cu", "pack_values", bits, pointers, values)
    packing.wait()
    return mask, values, pointers


def _select(bits: Array, magnitude: Any) -> tuple[Array, Array, Array]:
    from spmvbench.cpu.simd import packing

    mask, counts = packing.nonzeros(bits, magnitude)
    pointers = row_pointers(counts)
    values = np.empty(int(pointers[-1]), bits.dtype)
    packing.fill(bits, mask, pointers, values, magnitude)
    return mask, values, pointers


def _select_portably(bits: Array, magnitude: Any) -> tuple[Array, Array, Array]:
    from spmvbench.cpu import bitmap as kernels
    from spmvbench.cpu import nonzeros

    counts = np.empty(bits.shape[0], np.int64)
    nonzeros.count(bits, magnitude, counts)
    pointers = row_pointers(counts)
    mask = np.zeros((bits.shape[0], _words(bits.shape[1])), np.uint64)
    values = np.empty(int(pointers[-1]), bits.dtype)
    kernels.fill(bits, magnitude, pointers, values, mask)
    return mask, values, pointers


def _words(cols: int) -> int:
    return -(-cols // 64)
