"""A CSR matrix on the device, by SciPy."""

from __future__ import annotations

import cupy
import scipy.sparse
from cupy.array import put, refuse_host, unwrapped


class csr_matrix:
    def __init__(self, arrays, shape, copy=False):
        refuse_host(arrays, {})
        if arrays[0].dtype.char not in "?fdFD":
            raise ValueError("Only bool, float32, float64, complex64 and complex128 are supported")
        self.arrays, self.canonical = arrays, False
        self.host = scipy.sparse.csr_array(unwrapped(arrays), shape=shape, copy=copy)

    def sum_duplicates(self):
        if not self.canonical:
            cupy.cuda.STATE.note("look for duplicates")
            self.canonical = True

    def __matmul__(self, other):
        cupy.cuda.STATE.check()
        refuse_host((other,), {})
        self.sum_duplicates()
        return put(self.host @ unwrapped(other))
