"""MACKO's bytes, multiplied by the kernel for GPUs with much bandwidth: kernels/macko_fast.cu.

A warp multiplies a row; where that leaves warps idle, several share one. docs/gpu-kernels.md has
the reasons. One vector and 16-bit values; where x does not fit in shared memory, the product is
that of `macko`.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import numpy as np

from spmvbench.dtypes import Array
from spmvbench.formats.base import MatVec, Packed, Target
from spmvbench.formats.macko import Macko

_WARPS = 32
"""Of a block, of which a multiprocessor holds one."""
_STEP = 512  # entries that a warp takes at a time
_AROUND_X = 528  # zeros before and after x, as the kernel has them
_SUMS = 2 * 4 * _WARPS  # bytes: where the sums of parts meet
_ENOUGH = 0.75
"""Of a multiprocessor's 32 warps, with a step of 1,280 bytes under way each: 30 KiB; 29 do."""


class MackoFast(Macko):
    """See the module. Packs as `macko` does, byte for byte."""

    name = "macko-fast"
    devices: ClassVar[tuple[str, ...]] = ("cuda",)
    dtypes = ("float16", "bfloat16")
    batches: ClassVar = {"cuda": (1,)}

    def _on_gpu(self, packed: Packed, device: Target) -> MatVec:
        from spmvbench.cuda.launch import Resident, limits, pointer_type, resident
        from spmvbench.cuda.names import VALUES

        if packed.on_host:
            self._checked(packed)
        (rows, cols), limit = packed.shape, limits()
        value = VALUES[packed.dtype]
        pointers = pointer_type(packed.arrays["row_pointers"])
        parts = parts_of_rows(rows, packed.arrays["values"].size, limit.multiprocessors * _WARPS)
        split = parts > 1
        name, sums = ("macko_fast_split", _SUMS) if split else ("macko_fast", 0)
        sizes: list[np.generic] = [np.int64(rows), np.int32(cols)]
        sizes += [_halvings(parts)] if split else []
        for of_x, nbytes in (("float", 4), (value, 2)):
            shared = nbytes * (cols + _AROUND_X) + sums
            if shared <= limit.shared_bytes:
                template = f"{name}<{value}, {of_x}, {pointers}>"
                blocks = min(limit.multiprocessors, rows)
                how = Resident("macko_fast.cu", template, blocks, 32 * _WARPS, shared)
                index = partial(starts_of_parts, parts) if split else None
                return resident(how, packed, device, *sizes, index=index)
        return super()._on_gpu(packed, device)


def parts_of_rows(rows: int, stored: int, warps: int) -> int:
    """How many warps share a row, of so many that are resident: 1, 2, 4, 8, 16 or 32.

    Of p, the busiest warp has ceil(rows p / warps) rows in turn, and ceil(steps / p) steps of each;
    if all were as busy, it would have rows steps / warps. It is the smallest p for which this equal
    share is at least three quarters of what the busiest has; if there is none, the one that comes
    nearest. Steps are those of 512 entries that a row has in the mean; p is not above their number.
    """
    steps = max(1, round(stored / max(rows, 1) / _STEP))
    best, most = 1, 0.0
    for parts in (1, 2, 4, 8, 16, 32):
        if parts > steps:
            break
        rounds = -(-rows * parts // warps)
        share = rows * steps / (warps * max(rounds, 1) * -(-steps // parts))
        if share >= _ENOUGH:
            return parts
        if share > most:
            best, most = parts, share
    return best


def starts_of_parts(parts: int, _: Array, deltas: Array, row_pointers: Array) -> Array:
    """The columns where the parts of rows start, made on the device.

    Shape: (rows, parts), int32; kernels/parts.cuh says what they are.
    """
    import cupy

    from spmvbench.cuda import packing
    from spmvbench.cuda.launch import pointer_type

    rows = row_pointers.size - 1
    made: Array = cupy.empty((rows, parts), np.int32)
    kernel = f"macko_starts<{pointer_type(row_pointers)}>"
    sizes = np.int64(rows), _halvings(parts)
    packing.per_warp("macko_starts.cu", kernel, rows, deltas, row_pointers, made, *sizes)
    packing.wait()
    return made


def _halvings(parts: int) -> np.int32:
    """What the kernels know the parts by: 2 to that power."""
    return np.int32(parts.bit_length() - 1)
