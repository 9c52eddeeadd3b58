"""MACKO: values, and for each a 4-bit count of the zeros skipped on the way to it.

A row with a, b, c, d in columns 0, 1, 5, 25:

    column    0    1    2  3  4    5    6 ...  21  ...  25
    dense     a    b    .  .  .    c    .       .        d
    entry     0    1               2            3        4
    values    a    b               c            0        d
    codes     0    0               3           15        3     zeros skipped: 15 at most
    deltas   [  00  ]             [     f3      ]      [ 03 ]  hex, low nibble first

Entry 3 is a stored zero that bridges a wide gap. Zeros after the last non-zero cost nothing.
Row r owns entries row_pointers[r] .. row_pointers[r + 1]. Rows follow one another without a gap;
only the end of both arrays is filled up with zeros, to a multiple of 8 entries.

Source: MACKO, arXiv 2511.13061; docs/formats.md fixes the bytes and names the differences.
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

_LOAD = 8  # entries: 16 bytes of 16-bit values and 4 bytes of codes, one load each on a GPU
_GAP_BITS = 4
_ROW_COST = 16  # entries that would take as long as what a row costs by itself


class Macko(Format):
    """See the module. Smaller than CSR with 16-bit columns as soon as most gaps are below 16."""

    name = "macko"
    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    batches: ClassVar = {"cuda": BATCHES}
    packs_on: ClassVar[tuple[str, ...]] = ("cpu", "cuda")

    def pack(self, dense: Array) -> Packed:
        """See `Format.pack`. Raises: ValueError for what is no matrix of a known type."""
        bits, magnitude = bits_of(dense, self.dtypes, self.name)
        pack = _on_host if is_on_host(bits) else _on_device
        values, deltas, pointers = pack(bits, magnitude)
        arrays = {
            "values": values.view(dense.dtype),
            "deltas": deltas,
            "row_pointers": pointers,
        }
        return Packed(dense.shape, str(dense.dtype), arrays)

    def unpack(self, packed: Packed) -> Array:
        """See `Format.unpack`. Raises: ValueError for arrays that do not fit together."""
        from spmvbench.cpu import macko as kernels
        from spmvbench.cpu.launch import scratch

        values, deltas, pointers = self._checked(packed)
        bits = stored_bits(values)
        dense = np.zeros(packed.shape, bits.dtype)
        kernels.unpack(bits, deltas, pointers, dense, scratch(1))
        return dense.view(values.dtype)

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """See `Format.plan`. Raises: ValueError for arrays that do not fit together."""
        if device.kind == "cuda":
            return self._on_gpu(packed, device)
        from spmvbench.cpu import macko as kernels
        from spmvbench.cpu.floats import kernel_view
        from spmvbench.cpu.launch import launch, row_work, shares
        from spmvbench.cpu.tier import GENERIC, tier

        values, deltas, pointers = self._checked(packed)
        arrays = kernel_view(values), deltas, pointers
        work = row_work(pointers, _ROW_COST)
        if tier() != GENERIC:
            from spmvbench.cpu import simd

            matrix = simd.macko.matrix(device, tier(), arrays, packed.shape)
            threads = simd.workers(device.threads, simd.macko.nanoseconds(matrix, device.batch))
            return simd.launch(matrix, packed.shape, work, threads, device.batch)
        put = [device.put(array) for array in arrays]
        bounds = shares(work, device.threads)
        return launch(
            kernels.product_rows, kernels.product, put, packed.shape, bounds, device.batch
        )

    def require_sound(self, packed: Packed) -> None:
        """Raise ValueError, with one line, for arrays that do not fit together."""
        self._checked(packed)

    def _on_gpu(self, packed: Packed, device: Target) -> MatVec:
        from spmvbench.cuda.launch import Kernel, launch, pointer_type

        if packed.on_host:
            self._checked(packed)
        pointers = pointer_type(packed.arrays["row_pointers"])
        return launch(Kernel("macko", rows=8), packed, device, pointers)

    def _checked(self, packed: Packed) -> tuple[Array, Array, Array]:
        """The arrays, after making sure that no kernel would leave them."""
        from spmvbench.cpu.macko import widest

        values, deltas, pointers = (
            packed.arrays[key] for key in ("values", "deltas", "row_pointers")
        )
        require_pointers(self.name, pointers, packed.shape[0])
        entries = int(pointers[-1])
        entries += -entries % _LOAD
        require_size(self.name, "values", values, (entries,))
        require_size(self.name, "deltas", deltas, (entries // 2,))
        require_columns(self.name, widest(deltas, pointers), packed.shape[1])
        return values, deltas, pointers


def _room(pointers: Array, dtype: Any) -> tuple[Array, Array]:
    """Zeros for values, and for codes of a byte each, up to a multiple of a load."""
    stored = int(pointers[-1])
    stored += -stored % _LOAD
    return np.zeros(stored, dtype), np.zeros(stored, np.uint8)


def _on_host(bits: Array, magnitude: Any) -> tuple[Array, Array, Array]:
    from spmvbench.cpu import macko as kernels
    from spmvbench.cpu.tier import AVX512, tier

    select = _select if tier() == AVX512 else _select_portably
    values, codes, pointers = select(bits, magnitude)
    deltas = np.empty(values.size // 2, np.uint8)
    kernels.pair(codes, deltas)
    return values, deltas, pointers


def _on_device(bits: Array, magnitude: Any) -> tuple[Array, Array, Array]:
    import cupy

    from spmvbench.cuda import packing

    pointers = packing.row_pointers(packing.count("pack_macko.cu", "count_entries", bits))
    stored = int(pointers[-1])
    stored += -stored % _LOAD
    values, codes = cupy.zeros(stored, bits.dtype), cupy.zeros(stored, np.uint8)
    packing.fill("pack_macko.cu", "pack_gaps", bits, pointers, values, codes)
    deltas = codes[0::2] | codes[1::2] << 4
    packing.wait()
    return values, deltas, pointers


def _select(bits: Array, magnitude: Any) -> tuple[Array, Array, Array]:
    from spmvbench.cpu.simd import packing

    mask, counts = packing.entries(bits, magnitude)
    pointers = row_pointers(counts)
    values, codes = _room(pointers, bits.dtype)
    packing.fill(bits, mask, pointers, values, magnitude)
    packing.gaps(bits, mask, pointers, codes)
    return values, codes, pointers


def _select_portably(bits: Array, magnitude: Any) -> tuple[Array, Array, Array]:
    from spmvbench.cpu import macko as kernels

    counts = np.empty(bits.shape[0], np.int64)
    kernels.count(bits, magnitude, _GAP_BITS, counts)
    pointers = row_pointers(counts)
    values, codes = _room(pointers, bits.dtype)
    kernels.fill(bits, magnitude, pointers, values, codes)
    return values, codes, pointers
