"""MACKO's bytes, multiplied by the kernel for GPUs with much bandwidth: kernels/macko_fast.cu.

docs/gpu-kernels.md has the reasons. One vector and 16-bit values; where x does not fit in shared
memory, the product is that of `macko`.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from spmvbench.formats.base import MatVec, Packed, Target
from spmvbench.formats.macko import Macko

_WARPS = 32
_AROUND_X = 528  # zeros before and after x, as the kernel has them


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
        for of_x, nbytes in (("float", 4), (value, 2)):
            shared = nbytes * (cols + _AROUND_X)
            if shared <= limit.shared_bytes:
                template = f"macko_fast<{value}, {of_x}, {pointers}>"
                blocks = min(limit.multiprocessors, rows)
                how = Resident("macko_fast.cu", template, blocks, 32 * _WARPS, shared)
                return resident(how, packed, device, np.int64(rows), np.int32(cols))
        return super()._on_gpu(packed, device)
