"""NumPy's dense product in float32: BLAS sgemv, the baseline that everybody has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spmvbench.dtypes import DTYPES, Array, dtype_name
from spmvbench.formats.base import Format, MatVec, Packed, Precision, Target


class DenseNumpy(Format):
    """Every element in float32; the product is sgemv, for a batch sgemm, of NumPy's BLAS.

    float32 also for 16-bit weights: NumPy has no BLAS for them and is over 27 times slower there.
    """

    name = "dense-numpy"
    dense = True

    def precision(self, dtype: str, device: str) -> Precision:
        """See `Format.precision`. Values are stored as float32 whatever the weights are."""
        return replace(super().precision(dtype, device), values="float32")

    def pack(self, dense: Array) -> Packed:
        """See `Format.pack`. Exact: float32 holds every value of the narrower types."""
        return Packed(dense.shape, dtype_name(dense.dtype), {"values": dense.astype(np.float32)})

    def unpack(self, packed: Packed) -> Array:
        """See `Format.unpack`."""
        return packed.arrays["values"].astype(DTYPES[packed.dtype])

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """See `Format.plan`. The device has set the threads of NumPy's BLAS."""
        host = packed.arrays["values"]
        if host.shape != packed.shape or host.dtype != np.float32:
            raise ValueError(
                f"{self.name}: values are {host.dtype} {host.shape}, "
                f"expected float32 {packed.shape}"
            )
        values = device.put(host)

        def matvec(x: Array, y: Array) -> None:
            values.dot(x, y)  # the method: np.dot with out= costs twice as much per call

        # Only a stored NaN or Inf can set off NumPy's warning; silencing it costs 0.5 us per call.
        finite = np.isfinite([host.min(initial=0), host.max(initial=0)]).all()
        return matvec if finite else np.errstate(invalid="ignore")(matvec)
