"""Dense weights in 4 bits, 128 columns a scale: what a user may deploy instead of pruning.

A group of 128 columns is 16 words of 32 bits, 8 nibbles each, the lowest bits first:

    word       0                1            ...  15
    nibble 0   column 0         column 1          column 15
    nibble 1   column 16        column 17         column 31
    ...
    nibble 7   column 112       column 113        column 127

A nibble is the element / the group's scale, -7 to 7, plus 8; the scale, the group's largest
magnitude / 7, is in the type of the matrix. Symmetric: zero is nibble 8, and nibble 0 is not used.
Lossy: an element is off by up to half a scale. A group with NaN or Inf has the scale NaN, so that
all of it reads back as NaN. Columns past the matrix hold nibble 8. docs/formats.md fixes the bytes.

16 words are one load of 64 bytes, and after a shift their lowest nibbles are 16 columns in order.
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

LARGEST = 7
GROUP = 128
SLOTS, WORDS = 8, 16
"""Nibbles of a word, words of a group."""


class DenseInt4(Format):
    """See the module. A little over a quarter of the bytes of 16-bit weights."""

    name = "dense-int4"
    devices = ("cpu", "cuda")
    batches: ClassVar = {"cuda": BATCHES}
    dense: ClassVar[bool] = True
    lossless: ClassVar[bool] = False
    packs_on: ClassVar[tuple[str, ...]] = ("cpu", "cuda")

    def precision(self, dtype: str, device: str) -> Precision:
        """See `Format.precision`. One rounding more: a group's sum is multiplied by its scale."""
        return replace(super().precision(dtype, device), values="int4", roundings=1)

    def pack(self, dense: Array) -> Packed:
        """See `Format.pack`. Raises: ValueError for what is no matrix of a known type."""
        require_matrix(dense, self.dtypes, self.name)
        words, scales = (_on_host if is_on_host(dense) else _on_device)(dense)
        return Packed(dense.shape, str(dense.dtype), {"values": words, "scales": scales})

    def unpack(self, packed: Packed) -> Array:
        """The products of values and scales in a type where they are exact. Shape: (rows, cols).

        That is float64 for float32 scales, else float32.
        Raises: ValueError for an array of another shape.
        """
        words, scales = self._checked(packed)
        rows, cols = packed.shape
        wide = np.float64 if scales.dtype == np.float32 else np.float32
        dense = np.empty_like(scales, wide, shape=(rows, cols))
        in_order = _in_order if is_on_host(words) else _in_order_on_device
        for part in chunks(rows, cols):
            runs = in_order(words[part]) * scales[part].astype(dense.dtype)[..., None]
            dense[part] = runs.reshape(len(runs), runs.shape[1] * GROUP)[:, :cols]
        return dense

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """See `Format.plan`. Raises: ValueError for an array of another shape."""
        if device.kind == "cuda":
            return self._on_gpu(packed, device)
        from spmvbench.cpu import int4 as kernels
        from spmvbench.cpu.dense import FEW, in_blocks
        from spmvbench.cpu.floats import kernel_view
        from spmvbench.cpu.launch import launch, shares
        from spmvbench.cpu.tier import GENERIC, tier

        words, scales = self._checked(packed)
        arrays = words, kernel_view(scales)
        work = np.arange(packed.shape[0] + 1)
        if tier() != GENERIC and device.batch <= FEW:
            from spmvbench.cpu import simd

            matrix = simd.int4.matrix(device, tier(), arrays, packed.shape[1])
            threads = simd.workers(device.threads, simd.int4.nanoseconds(matrix, device.batch))
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
        from spmvbench.cuda.launch import Kernel, launch

        if packed.on_host:
            self._checked(packed)
        return launch(Kernel("dense_int4", rows=16, asks_cols=True), packed, device)

    def _checked(self, packed: Packed) -> tuple[Array, Array]:
        words, scales = packed.arrays["values"], packed.arrays["scales"]
        groups = packed.shape[0], _groups(packed.shape[1])
        require_size(self.name, "values", words, (*groups, WORDS))
        require_size(self.name, "scales", scales, groups)
        return words, scales


def _groups(cols: int) -> int:
    return -(-cols // GROUP)


def _on_host(dense: Array) -> tuple[Array, Array]:
    rows, cols = dense.shape
    groups = _groups(cols)
    words = np.empty((rows, groups, WORDS), np.uint32)
    scales = np.empty((rows, groups), dense.dtype)
    for part in chunks(rows, cols):
        weights = np.zeros((part.stop - part.start, groups * GROUP), np.float32)
        weights[:, :cols] = dense[part]
        runs = weights.reshape(len(weights), groups, GROUP)
        steps, scales[part] = quantise(runs, LARGEST, dense.dtype)
        words[part] = _interleaved(steps)
    return words, scales


def _on_device(dense: Array) -> tuple[Array, Array]:
    import cupy

    from spmvbench.cuda import names, packing

    dense = cupy.ascontiguousarray(dense)
    rows, cols = dense.shape
    groups = _groups(cols)
    words = cupy.empty((rows, groups, WORDS), np.uint32)
    scales = cupy.empty((rows, groups), dense.dtype)
    sizes = largest_scale(LARGEST), np.int64(scales.size), np.int32(cols)
    variant = f"pack_int4<{names.VALUES[str(dense.dtype)]}>"
    packing.per_warp("pack_int4.cu", variant, scales.size, dense, words, scales, *sizes)
    packing.wait()
    return words, scales


def _interleaved(steps: Array) -> Array:
    """The words of integers. Shapes: steps (rows, groups, 128) int8, result (rows, groups, 16)."""
    codes = (steps + 8).astype(np.uint8).reshape(*steps.shape[:2], SLOTS, WORDS)
    pairs = codes[:, :, 0::2] | codes[:, :, 1::2] << 4
    return np.ascontiguousarray(pairs.swapaxes(2, 3)).view("<u4")[..., 0]


def _in_order(words: Array) -> Array:
    """The integers of words: the inverse of `_interleaved`."""
    pairs = np.ascontiguousarray(words)[..., None].view(np.uint8).swapaxes(2, 3)
    codes = np.empty((*words.shape[:2], SLOTS, WORDS), np.int8)
    codes[:, :, 0::2], codes[:, :, 1::2] = pairs & 15, pairs >> 4
    return codes.reshape(*words.shape[:2], GROUP) - np.int8(8)


def _in_order_on_device(words: Array) -> Array:
    import cupy

    shifts = 4 * cupy.arange(SLOTS, dtype=np.uint32)[:, None]
    codes = (words[:, :, None, :] >> shifts & 15).astype(np.int8)
    steps: Array = codes.reshape(*words.shape[:2], GROUP) - np.int8(8)
    return steps
