"""PyTorch's CSR product in float32: what a program gets from `weights.to_sparse_csr()`."""

from __future__ import annotations

import warnings

from spmvbench.dtypes import Array
from spmvbench.formats.base import Format, MatVec, Packed, Precision, Target
from spmvbench.problems.base import Problem

from . import _csr, _torch


class CsrTorch(Format):
    """float32 values and int32 columns; the product is `torch.mv`, for a batch `torch.mm`.

    PyTorch hands it to MKL on CPUs, which takes no 16-bit values, and to cuSPARSE on GPUs. There
    each product takes its buffer from PyTorch's pool.
    """

    name = "csr-torch"
    devices = ("cpu", "cuda")
    packs_on = ("cpu", "cuda")

    def unavailable(self, device: str, problem: Problem | None = None) -> str | None:
        """See `Format.unavailable`. Looks for PyTorch without importing it."""
        if reason := super().unavailable(device, problem):
            return reason
        reason = _torch.missing(device)
        return f"{self.name}: {reason}" if reason else None

    def precision(self, dtype: str, device: str) -> Precision:
        """See `Format.precision`. Float32 throughout."""
        return Precision("float32", "float32", self.accumulate, "float32")

    def pack(self, dense: Array) -> Packed:
        """See `Format.pack`. -0.0 is dropped."""
        return _csr.pack(dense)

    def unpack(self, packed: Packed) -> Array:
        """See `Format.unpack`."""
        return _csr.unpack(packed)

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """See `Format.plan`. Sets PyTorch's threads or precision in the whole process."""
        import torch

        _csr.check(self.name, packed)
        _torch.configure(device)
        multiply = torch.mv if device.batch == 1 else torch.mm
        shared = _torch.sharing("float32", device)
        names = ("row_pointers", "columns", "values")
        parts = [shared(device.put(packed.arrays[name])) for name in names]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that CSR tensors are in beta
            matrix = torch.sparse_csr_tensor(*parts, size=packed.shape, check_invariants=False)

        def matvec(x: Array, y: Array) -> None:
            multiply(matrix, shared(x), out=shared(y))

        return _torch.on_current_stream(matvec, device)
