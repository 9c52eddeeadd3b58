"""NVIDIA cuSPARSE's CSR products, in the type of the weights where the library takes it."""

from __future__ import annotations

from dataclasses import replace

from spmvbench.cuda.libraries import missing, nothing
from spmvbench.dtypes import Array
from spmvbench.formats.base import Format, MatVec, Packed, Precision, Target
from spmvbench.problems.base import Problem

from . import _csr, _cusparse


class CsrCusparseSpmv(Format):
    """Values and their columns; the product is cusparseSpMV after cusparseSpMV_preprocess."""

    name = "csr-cusparse-spmv"
    devices = ("cuda",)
    packs_on = ("cpu", "cuda")

    def unavailable(self, device: str, problem: Problem | None = None) -> str | None:
        """See `Format.unavailable`."""
        if reason := super().unavailable(device, problem) or _reason(self.name):
            return reason
        if problem and problem.batch > 1:
            return (
                f"{self.name} takes one vector, not {problem.batch}; csr-cusparse-spmm takes them"
            )
        return None

    def precision(self, dtype: str, device: str) -> Precision:
        """See `Format.precision`. Float32 where the library refuses the type. Asks the library."""
        return _precision(super().precision(dtype, device), _cusparse.SPMV)

    def pack(self, dense: Array) -> Packed:
        """See `Format.pack`. -0.0 is dropped. Asks the library whether it takes the type."""
        return _csr.pack(dense, _values(_cusparse.SPMV, str(dense.dtype)))

    def unpack(self, packed: Packed) -> Array:
        """See `Format.unpack`."""
        return _csr.unpack(packed)

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """See `Format.plan`."""
        return _plan(self.name, _cusparse.SPMV, packed, device)


class CsrCusparseSpmm(Format):
    """Values and their columns; the product is cusparseSpMM, for one vector as for several."""

    name = "csr-cusparse-spmm"
    devices = ("cuda",)
    packs_on = ("cpu", "cuda")

    def unavailable(self, device: str, problem: Problem | None = None) -> str | None:
        """See `Format.unavailable`."""
        return super().unavailable(device, problem) or _reason(self.name)

    def precision(self, dtype: str, device: str) -> Precision:
        """See `Format.precision`. Float32 where the library refuses the type. Asks the library."""
        return _precision(super().precision(dtype, device), _cusparse.SPMM)

    def pack(self, dense: Array) -> Packed:
        """See `Format.pack`. -0.0 is dropped. Asks the library whether it takes the type."""
        return _csr.pack(dense, _values(_cusparse.SPMM, str(dense.dtype)))

    def unpack(self, packed: Packed) -> Array:
        """See `Format.unpack`."""
        return _csr.unpack(packed)

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """See `Format.plan`."""
        return _plan(self.name, _cusparse.SPMM, packed, device)


def _reason(name: str) -> str | None:
    reason = missing("cusparse")
    return f"{name}: {reason}" if reason else None


def _values(product: str, dtype: str) -> str:
    """The type that values of this type are stored in."""
    return dtype if dtype == "float32" or _cusparse.takes(product, dtype) else "float32"


def _precision(wanted: Precision, product: str) -> Precision:
    """cuSPARSE multiplies values and vectors of one type."""
    values = _values(product, wanted.values)
    return replace(wanted, values=values, x=values, y=values)


def _plan(name: str, product: str, packed: Packed, device: Target) -> MatVec:
    if packed.on_host:
        _csr.check(name, packed, _values(product, packed.dtype))
    if packed.arrays["values"].size == 0:
        return nothing
    arrays = {key: device.put(array) for key, array in packed.arrays.items()}
    matrix = _cusparse.Csr(packed.shape, **arrays)
    return _cusparse.product(product, matrix, device.batch, device.empty)
