"""Dense weights in their 16-bit type, converted on the fly: the fair baseline of 16-bit formats.

    column    0    1    2    3    4    5
    values    a    b    0    0    0    c      every element, zeros too, row after row

Half the bytes of a float32 matrix and the same number of multiplications. docs/formats.md fixes
the bytes.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from spmvbench.cpu.arrays import checked, require_matrix, require_size
from spmvbench.cuda import BATCHES
from spmvbench.dtypes import Array
from spmvbench.formats.base import Format, MatVec, Packed, Target


class DenseF16(Format):
    """See the module. The name stands for its usual type; float32 weights stay float32."""

    name = "dense-f16"
    devices = ("cpu", "cuda")
    batches: ClassVar = {"cuda": BATCHES}
    dense: ClassVar[bool] = True
    packs_on: ClassVar[tuple[str, ...]] = ("cpu", "cuda")

    def pack(self, dense: Array) -> Packed:
        """See `Format.pack`. Raises: ValueError for what is no matrix of a known type."""
        require_matrix(dense, self.dtypes, self.name)
        return Packed(dense.shape, str(dense.dtype), {"values": dense.copy()})

    def unpack(self, packed: Packed) -> Array:
        """See `Format.unpack`. Raises: ValueError for an array of another shape."""
        return self._checked(packed).copy()

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """See `Format.plan`. Raises: ValueError for an array of another shape."""
        if device.kind == "cuda":
            return self._on_gpu(packed, device)
        from spmvbench.cpu import dense as kernels
        from spmvbench.cpu.floats import kernel_view
        from spmvbench.cpu.launch import launch, shares
        from spmvbench.cpu.tier import GENERIC, tier

        values = kernel_view(self._checked(packed))
        work = np.arange(packed.shape[0] + 1)
        if tier() != GENERIC and device.batch <= kernels.FEW:
            from spmvbench.cpu import simd

            matrix = simd.dense.matrix(device, values)
            threads = simd.workers(device.threads, simd.dense.nanoseconds(matrix, device.batch))
            return simd.launch(matrix, packed.shape, work, threads, device.batch)
        if device.batch > 1:
            return checked(kernels.many_vectors(device.put(values)), packed.shape, device.batch)
        bounds = shares(work, device.threads)
        arrays = (device.put(values),)
        return launch(
            kernels.product_rows, kernels.product, arrays, packed.shape, bounds, device.batch
        )

    def _on_gpu(self, packed: Packed, device: Target) -> MatVec:
        from spmvbench.cuda.launch import Kernel, launch, load_of

        if packed.on_host:
            self._checked(packed)
        load = load_of(packed.shape[1], packed.arrays["values"].itemsize)
        return launch(Kernel("dense_gemv", rows=16, asks_cols=True), packed, device, load)

    def _checked(self, packed: Packed) -> Array:
        values = packed.arrays["values"]
        require_size(self.name, "values", values, packed.shape)
        return values
