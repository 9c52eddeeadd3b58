"""Dense weights as int8 with a float32 scale a row: what a user may deploy instead of pruning.

    column    0    1    2    3    4    5
    dense     a    b    0    0    0    c      the largest magnitude is |b|
    scale     s = |b| / 127
    values   a/s ±127   0    0    0   c/s     rounded to the nearest integer

Symmetric: zero is 0 and -128 is not used. Lossy: an element is off by up to half a scale. A row
with NaN or Inf has the scale NaN, so that all of it reads back as NaN. docs/formats.md fixes the
bytes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from spmvbench.cpu.arrays import checked, require_matrix, require_size
from spmvbench.cpu.quantised import chunks, largest_scale, quantise
from spmvbench.cuda import BATCHES
from spmvbench.dtypes import Array, is_on_host
from spmvbench.formats.base import Format, MatVec, Packed, Precision, Target

LARGEST = 127


class DenseInt8(Format):
    """See the module. About half the bytes of 16-bit weights."""

    name = "dense-int8"
    devices = ("cpu", "cuda")
    batches: ClassVar = {"cuda": BATCHES}
    dense: ClassVar[bool] = True
    lossless: ClassVar[bool] = False
    packs_on: ClassVar[tuple[str, ...]] = ("cpu", "cuda")

    def precision(self, dtype: str, device: str) -> Precision:
        """See `Format.precision`. One rounding more: the sum is multiplied by the scale."""
        return replace(super().precision(dtype, device), values="int8", roundings=1)

    def pack(self, dense: Array) -> Packed:
        """See `Format.pack`. Raises: ValueError for what is no matrix of a known type."""
        require_matrix(dense, self.dtypes, self.name)
        values, scales = (_on_host if is_on_host(dense) else _on_device)(dense)
        return Packed(dense.shape, str(dense.dtype), {"values": values, "scales": scales})

    def unpack(self, packed: Packed) -> Array:
        """The products of values and scales, in float64, where they are exact. Shape: (rows, cols).

        Raises: ValueError for an array of another shape.
        """
        values, scales = self._checked(packed)
        return values * scales.astype(np.float64)[:, None]

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """See `Format.plan`. Raises: ValueError for an array of another shape."""
        if device.kind == "cuda":
            return self._on_gpu(packed, device)
        from spmvbench.cpu import int8 as kernels
        from spmvbench.cpu.dense import FEW, in_blocks
        from spmvbench.cpu.launch import launch, shares
        from spmvbench.cpu.tier import GENERIC, tier

        arrays = self._checked(packed)
        work = np.arange(packed.shape[0] + 1)
        if tier() != GENERIC and device.batch <= FEW:
            from spmvbench.cpu import simd

            matrix = simd.int8.matrix(device, *arrays)
            threads = simd.workers(device.threads, simd.int8.nanoseconds(matrix, device.batch))
            return simd.launch(matrix, packed.shape, work, threads, device.batch)
        if device.batch > 1:
            product = in_blocks(kernels.expand, [device.put(a) for a in arrays], packed.shape)
            return checked(product, packed.shape, device.batch)
        put = [device.put(array) for array in arrays]
        bounds = shares(work, device.threads)
        return launch(
            kernels.product_rows, kernels.product, put, packed.shape, bounds, device.batch
        )

    def _on_gpu(self, packed: Packed, device: Target) -> MatVec:
        from spmvbench.cuda.launch import Kernel, launch, load_of

        if packed.on_host:
            self._checked(packed)
        how = Kernel("dense_int8", rows=16, asks_cols=True)
        return launch(how, packed, device, load_of(packed.shape[1], 1))

    def _checked(self, packed: Packed) -> tuple[Array, Array]:
        values, scales = packed.arrays["values"], packed.arrays["scales"]
        require_size(self.name, "values", values, packed.shape)
        require_size(self.name, "scales", scales, packed.shape[:1])
        return values, scales


def _on_host(dense: Array) -> tuple[Array, Array]:
    values = np.empty(dense.shape, np.int8)
    scales = np.empty(dense.shape[0], np.float32)
    for part in chunks(*dense.shape):
        weights = dense[part].astype(np.float32)
        values[part], scales[part] = quantise(weights, LARGEST, scales.dtype)
    return values, scales


def _on_device(dense: Array) -> tuple[Array, Array]:
    import cupy

    from spmvbench.cuda import names, packing

    dense = cupy.ascontiguousarray(dense)
    rows, cols = dense.shape
    values, scales = cupy.empty(dense.shape, np.int8), cupy.empty(rows, np.float32)
    sizes = largest_scale(LARGEST), np.int64(rows), np.int32(cols)
    variant = f"pack_int8<{names.VALUES[str(dense.dtype)]}>"
    packing.per_warp("pack_int8.cu", variant, rows, dense, values, scales, *sizes)
    packing.wait()
    return values, scales
