"""PyTorch's dense product in the type of the weights: on CPUs the 16-bit dense baseline."""

from __future__ import annotations

from spmvbench.dtypes import DTYPES, Array, dtype_name
from spmvbench.formats.base import Format, MatVec, Packed, Precision, Target
from spmvbench.problems.base import Problem

from . import _torch


class DenseTorch(Format):
    """Every element as it is; the product is `torch.mv`, for a batch `torch.mm`.

    x and y have the type of the weights too, so y of 16-bit weights is rounded to 16 bits. Sums are
    in float32: PyTorch's own setting for float16 on the CPU is left at its default, which is that;
    on a GPU its default would allow partial sums in 16 bits, and is changed.
    """

    name = "dense-torch"
    devices = ("cpu", "cuda")
    dense = True

    def unavailable(self, device: str, problem: Problem | None = None) -> str | None:
        """See `Format.unavailable`. Looks for PyTorch without importing it."""
        if reason := super().unavailable(device, problem):
            return reason
        reason = _torch.missing(device)
        return f"{self.name}: {reason}" if reason else None

    def precision(self, dtype: str, device: str) -> Precision:
        """See `Format.precision`. `torch.mv` takes and gives the type of the weights."""
        return Precision(dtype, dtype, self.accumulate, dtype)

    def pack(self, dense: Array) -> Packed:
        """See `Format.pack`."""
        return Packed(dense.shape, dtype_name(dense.dtype), {"values": dense.copy()})

    def unpack(self, packed: Packed) -> Array:
        """See `Format.unpack`."""
        return packed.arrays["values"].copy()

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """See `Format.plan`. Sets PyTorch's threads or precision in the whole process."""
        import torch

        host = packed.arrays["values"]
        if host.shape != packed.shape or host.dtype != DTYPES[packed.dtype]:
            raise ValueError(
                f"{self.name}: values are {host.dtype} {host.shape}, "
                f"expected {packed.dtype} {packed.shape}"
            )
        _torch.configure(device)
        multiply = torch.mv if device.batch == 1 else torch.mm
        shared = _torch.sharing(packed.dtype, device)
        values = shared(device.put(host))

        def matvec(x: Array, y: Array) -> None:
            multiply(values, shared(x), out=shared(y))

        return _torch.on_current_stream(matvec, device)
