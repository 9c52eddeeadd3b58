"""PyTorch's dense product on the CPU, in the type of the weights: the 16-bit dense baseline."""

from __future__ import annotations

import importlib.util

import numpy as np

from spmvbench.dtypes import DTYPES, Array, dtype_name
from spmvbench.formats.base import Format, MatVec, Packed, Precision, Target
from spmvbench.problems.base import Problem


class DenseTorch(Format):
    """Every element as it is; the product is `torch.mv`, for a batch `torch.mm`.

    x and y have the type of the weights too, so y of 16-bit weights is rounded to 16 bits. Sums are
    in float32: PyTorch's own setting for float16 on the CPU is left at its default, which is that.
    """

    name = "dense-torch"
    dense = True

    def unavailable(self, device: str, problem: Problem | None = None) -> str | None:
        """See `Format.unavailable`. Looks for PyTorch without importing it."""
        reason = super().unavailable(device, problem)
        if reason or importlib.util.find_spec("torch"):
            return reason
        return "dense-torch: torch is not installed; pip install 'spmvbench[torch]'"

    def precision(self, dtype: str, device: str) -> Precision:
        """See `Format.precision`. `torch.mv` takes and gives the type of the weights."""
        return Precision(dtype, dtype, self.accumulate, dtype)

    def pack(self, dense: Array) -> Packed:
        """See `Format.pack`."""
        return Packed(dense.shape, dtype_name(dense.dtype), {"values": dense.copy(order="C")})

    def unpack(self, packed: Packed) -> Array:
        """See `Format.unpack`."""
        return packed.arrays["values"].copy()

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """See `Format.plan`. Sets PyTorch's threads in the whole process."""
        import torch

        host = packed.arrays["values"]
        if host.shape != packed.shape or host.dtype != DTYPES[packed.dtype]:
            raise ValueError(
                f"{self.name}: values are {host.dtype} {host.shape}, "
                f"expected {packed.dtype} {packed.shape}"
            )
        torch.set_num_threads(device.threads)
        from_numpy, bfloat16 = torch.from_numpy, torch.bfloat16
        multiply = torch.mv if device.batch == 1 else torch.mm

        def shared(array: Array) -> torch.Tensor:
            """The same memory as a tensor; NumPy's bfloat16 is unknown to PyTorch."""
            if packed.dtype == "bfloat16":
                return from_numpy(array.view(np.int16)).view(bfloat16)
            return from_numpy(array)

        values = shared(device.put(host))

        def matvec(x: Array, y: Array) -> None:
            multiply(values, shared(x), out=shared(y))

        return matvec
