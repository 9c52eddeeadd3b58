"""Intel MKL's CSR product in float32: the strongest CSR library for x86 that pip installs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spmvbench.dtypes import Array
from spmvbench.formats.base import Format, MatVec, Packed, Precision, Target
from spmvbench.problems.base import Problem

from . import _csr, _mkl


class CsrMkl(Format):
    """float32 values and int32 columns, analysed once by MKL's inspector for many products.

    The product is `mkl_sparse_s_mv`, for a batch `mkl_sparse_s_mm`, on `device.threads` threads.
    """

    name = "csr-mkl"

    def unavailable(self, device: str, problem: Problem | None = None) -> str | None:
        """See `Format.unavailable`. Looks for the library without loading it."""
        reason = super().unavailable(device, problem)
        if reason:
            return reason
        if _mkl.find() is None:
            return "csr-mkl: MKL is not installed; pip install 'spmvbench[mkl]'"
        if problem:
            density = 1.0 if problem.density is None else problem.density
            return _too_many(round(problem.elements * density))
        return None

    def precision(self, dtype: str, device: str) -> Precision:
        """See `Format.precision`. MKL's sparse product has no 16-bit values."""
        return replace(super().precision(dtype, device), values="float32")

    def pack(self, dense: Array) -> Packed:
        """See `Format.pack`. -0.0 is dropped."""
        return _csr.pack(dense)

    def unpack(self, packed: Packed) -> Array:
        """See `Format.unpack`."""
        return _csr.unpack(packed)

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """See `Format.plan`. Sets the threads of MKL in the whole process.

        Raises: ValueError for more values than int32 can count, RuntimeError with MKL's status.
        """
        _csr.check(self.name, packed)
        index = packed.arrays["columns"].dtype
        if index != np.int32:
            raise ValueError(f"{self.name}: columns are {index}, expected int32: MKL's LP64 layer")
        if 0 in packed.shape:
            return _nothing
        _mkl.set_threads(device.threads)
        arrays = {name: device.put(array) for name, array in packed.arrays.items()}
        return _mkl.product(packed.shape, batch=device.batch, **arrays)


def _too_many(stored: int) -> str | None:
    if stored <= _csr.INT32_MAX:
        return None
    return f"csr-mkl: {stored} stored values; its 32-bit indices count {_csr.INT32_MAX} at most"


def _nothing(x: Array, y: Array) -> None:
    """The product of a matrix without columns, which MKL refuses to create."""
    y.fill(0)
