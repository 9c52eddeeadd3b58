"""CuPy's CSR product in float32: what a Python program with a sparse matrix on a GPU calls."""

from __future__ import annotations

from spmvbench.cuda.libraries import missing, nothing
from spmvbench.dtypes import Array
from spmvbench.formats.base import Format, MatVec, Packed, Precision, Target
from spmvbench.problems.base import Problem

from . import _csr


class CsrCupyx(Format):
    """float32 values and int32 columns; the product is `matrix @ x` of `cupyx.scipy.sparse`.

    CuPy calls cuSPARSE for it, creates its descriptors and its result anew each time, and has no
    way to write into y: each product allocates from CuPy's pool and ends with a copy.
    """

    name = "csr-cupyx"
    devices = ("cuda",)
    packs_on = ("cpu", "cuda")

    def unavailable(self, device: str, problem: Problem | None = None) -> str | None:
        """See `Format.unavailable`."""
        if reason := super().unavailable(device, problem):
            return reason
        reason = missing("cusparse")
        return f"{self.name}: {reason}" if reason else None

    def precision(self, dtype: str, device: str) -> Precision:
        """See `Format.precision`. CuPy's sparse matrices have no 16-bit values."""
        return Precision("float32", "float32", self.accumulate, "float32")

    def pack(self, dense: Array) -> Packed:
        """See `Format.pack`. -0.0 is dropped."""
        return _csr.pack(dense)

    def unpack(self, packed: Packed) -> Array:
        """See `Format.unpack`."""
        return _csr.unpack(packed)

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """See `Format.plan`."""
        from cupyx.scipy.sparse import csr_matrix

        _csr.check(self.name, packed)
        if packed.arrays["values"].size == 0:
            return nothing
        names = ("values", "columns", "row_pointers")
        arrays = tuple(device.put(packed.arrays[name]) for name in names)
        matrix = csr_matrix(arrays, shape=packed.shape, copy=False)
        matrix.sum_duplicates()  # there are none: the first product would look for them

        def matvec(x: Array, y: Array) -> None:
            y[...] = matrix @ x

        return matvec
