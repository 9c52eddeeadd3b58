"""NVIDIA cuBLAS: the dense products to beat on a GPU, by each of its entrances."""

from __future__ import annotations

import numpy as np

from spmvbench.cuda.libraries import missing, nothing
from spmvbench.dtypes import DTYPES, Array, dtype_name
from spmvbench.formats.base import Format, MatVec, Packed, Precision, Target
from spmvbench.problems.base import Problem

from . import _cublas, _cublaslt


class DenseCublas(Format):
    """Every element as it is; the product is cublasGemmEx with as many columns as x has."""

    name = "dense-cublas"
    devices = ("cuda",)
    packs_on = ("cpu", "cuda")
    dense = True

    def unavailable(self, device: str, problem: Problem | None = None) -> str | None:
        """See `Format.unavailable`."""
        return super().unavailable(device, problem) or _reason(self.name, "cublas")

    def pack(self, dense: Array) -> Packed:
        """See `Format.pack`. The matrix itself, where it is in C order."""
        return Packed(dense.shape, dtype_name(dense.dtype), {"values": _in_c_order(dense)})

    def unpack(self, packed: Packed) -> Array:
        """See `Format.unpack`."""
        return packed.arrays["values"].copy()

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """See `Format.plan`."""
        values = _uploaded(self.name, packed, packed.dtype, device)
        return _cublas.gemm(values, device.batch) if values.size else nothing


class DenseCublasLt(Format):
    """Every element as it is; the product is cublasLtMatmul with the best-ranked algorithm."""

    name = "dense-cublas-lt"
    devices = ("cuda",)
    packs_on = ("cpu", "cuda")
    dense = True

    def unavailable(self, device: str, problem: Problem | None = None) -> str | None:
        """See `Format.unavailable`."""
        return super().unavailable(device, problem) or _reason(self.name, "cublasLt")

    def pack(self, dense: Array) -> Packed:
        """See `Format.pack`. The matrix itself, where it is in C order."""
        return Packed(dense.shape, dtype_name(dense.dtype), {"values": _in_c_order(dense)})

    def unpack(self, packed: Packed) -> Array:
        """See `Format.unpack`."""
        return packed.arrays["values"].copy()

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """See `Format.plan`."""
        values = _uploaded(self.name, packed, packed.dtype, device)
        return _cublaslt.matmul(values, device.batch) if values.size else nothing


class DenseCublasSgemv(Format):
    """Every element in float32, exact; the product is cublasSgemv, for one vector only."""

    name = "dense-cublas-sgemv"
    devices = ("cuda",)
    packs_on = ("cpu", "cuda")
    dense = True

    def unavailable(self, device: str, problem: Problem | None = None) -> str | None:
        """See `Format.unavailable`."""
        if reason := super().unavailable(device, problem):
            return reason
        if problem and problem.batch > 1:
            return f"{self.name} takes one vector, not {problem.batch}; dense-cublas takes them all"
        return _reason(self.name, "cublas")

    def precision(self, dtype: str, device: str) -> Precision:
        """See `Format.precision`. Float32 throughout."""
        return Precision("float32", "float32", self.accumulate, "float32")

    def pack(self, dense: Array) -> Packed:
        """See `Format.pack`. Exact: float32 holds every value of the narrower types."""
        values = _in_c_order(dense.astype(np.float32))
        return Packed(dense.shape, dtype_name(dense.dtype), {"values": values})

    def unpack(self, packed: Packed) -> Array:
        """See `Format.unpack`."""
        return packed.arrays["values"].astype(DTYPES[packed.dtype])

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """See `Format.plan`."""
        values = _uploaded(self.name, packed, "float32", device)
        return _cublas.sgemv(values) if values.size else nothing


def _reason(name: str, library: str) -> str | None:
    reason = missing(library)
    return f"{name}: {reason}" if reason else None


def _in_c_order(array: Array) -> Array:
    """Of NumPy or of CuPy."""
    return array if array.flags.c_contiguous else array.copy()


def _uploaded(name: str, packed: Packed, dtype: str, device: Target) -> Array:
    """The values on the device. Raises: ValueError for those of another type or shape."""
    values = packed.arrays["values"]
    if values.shape != packed.shape or values.dtype != DTYPES[dtype]:
        raise ValueError(
            f"{name}: values are {values.dtype} {values.shape}, expected {dtype} {packed.shape}"
        )
    return device.put(values)
