"""SciPy's CSR product in float32: what a Python program with a sparse matrix calls first."""

from __future__ import annotations

from dataclasses import replace

from spmvbench.dtypes import Array
from spmvbench.formats.base import Format, MatVec, Packed, Precision, Target

from . import _csr


class CsrScipy(Format):
    """float32 values and int32 columns; the product is `matrix @ x` of `scipy.sparse`.

    SciPy's loop runs on one thread: `device.threads` is not used. It has no way to write into y,
    so each call allocates its result and copies it.
    """

    name = "csr-scipy"

    def precision(self, dtype: str, device: str) -> Precision:
        """See `Format.precision`. SciPy has no 16-bit values."""
        return replace(super().precision(dtype, device), values="float32")

    def pack(self, dense: Array) -> Packed:
        """See `Format.pack`. -0.0 is dropped."""
        return _csr.pack(dense)

    def unpack(self, packed: Packed) -> Array:
        """See `Format.unpack`."""
        return _csr.unpack(packed)

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """See `Format.plan`."""
        from scipy.sparse import csr_array

        _csr.check(self.name, packed)
        names = ("values", "columns", "row_pointers")
        arrays = tuple(device.put(packed.arrays[name]) for name in names)
        matrix = csr_array(arrays, shape=packed.shape, copy=False)

        def matvec(x: Array, y: Array) -> None:
            y[...] = matrix @ x

        return matvec
