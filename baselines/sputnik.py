"""Sputnik, Google's SpMM for pruned networks, from a library that the user has built."""

from __future__ import annotations

import numpy as np

from spmvbench.dtypes import DTYPES, Array, dtype_name
from spmvbench.formats.base import Format, MatVec, Packed, Target
from spmvbench.problems.base import Problem

from . import _csr, _sputnik

MOST_COLUMNS = 32767
"""Columns of short2 hold no more; Sputnik converts larger ones without a word."""


class Sputnik(Format):
    """CSR with the order in which rows are done; `sputnik::CudaSpmm` of half2 and short2, or float.

    A row with a, b, c in columns 1, 4, 6, in float16:

        values       a b c 0    rows of float16 are even: the last column again, times 0
        columns      1 4 6 6    int16; int32 in float32
        row_indices             the longest row first, as Sputnik wants it
    """

    name = "sputnik"
    devices = ("cuda",)
    dtypes = ("float16", "float32")

    def unavailable(self, device: str, problem: Problem | None = None) -> str | None:
        """See `Format.unavailable`."""
        reason = super().unavailable(device, problem) or _sputnik.missing()
        if reason or problem is None:
            return reason
        if problem.dtype == "float16" and problem.cols > MOST_COLUMNS:
            return (
                f"{self.name} has 16-bit columns in float16, up to {MOST_COLUMNS}; the matrix has "
                f"{problem.cols}: take float32"
            )
        return None

    def pack(self, dense: Array) -> Packed:
        """See `Format.pack`. -0.0 is dropped. Raises: ValueError for what it cannot hold."""
        dtype = dtype_name(dense.dtype)
        if dtype == "float16" and dense.shape[1] > MOST_COLUMNS:
            raise ValueError(f"{self.name}: {dense.shape[1]} columns, at most {MOST_COLUMNS}")
        packed = _csr.pack(dense, dtype)
        arrays = dict(packed.arrays)
        if arrays["row_pointers"].dtype != np.int32:
            raise ValueError(f"{self.name}: more non-zeros than 32-bit row pointers can count")
        if dtype == "float16":
            arrays = _even(**arrays)
        arrays["row_indices"] = self._order(np.diff(arrays["row_pointers"]))
        return Packed(dense.shape, dtype, arrays)

    def _order(self, lengths: Array) -> Array:
        """The rows, the longest first. Shapes: (rows,)."""
        order: Array = np.argsort(-lengths, kind="stable").astype(np.int32)
        return order

    def unpack(self, packed: Packed) -> Array:
        """See `Format.unpack`. What was added to make rows even is 0 and is passed over."""
        values, columns = packed.arrays["values"], packed.arrays["columns"]
        dense = np.zeros(packed.shape, DTYPES[packed.dtype])
        rows = np.repeat(np.arange(packed.shape[0]), np.diff(packed.arrays["row_pointers"]))
        kept = values != 0
        dense[rows[kept], columns[kept]] = values[kept]
        return dense

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """See `Format.plan`."""
        stored = packed.arrays["values"].size
        arrays = {key: device.put(array) for key, array in packed.arrays.items()}
        return _sputnik.product(packed.shape, arrays, packed.dtype, stored, device)


class SputnikIdentity(Sputnik):
    """The same with the rows in their order, as the MACKO paper ran it."""

    name = "sputnik-identity"

    def _order(self, lengths: Array) -> Array:
        return np.arange(lengths.size, dtype=np.int32)


def _even(values: Array, columns: Array, row_pointers: Array) -> dict[str, Array]:
    """The arrays with every row of even length."""
    lengths = np.diff(row_pointers)
    odd = lengths & 1
    ends = np.zeros(row_pointers.size, np.int32)
    np.cumsum(lengths + odd, out=ends[1:])
    place = np.arange(values.size) + np.repeat(np.cumsum(odd) - odd, lengths)
    even_values, even_columns = np.zeros(ends[-1], values.dtype), np.zeros(ends[-1], np.int16)
    even_values[place], even_columns[place] = values, columns
    last = ends[1:][odd == 1] - 1
    even_columns[last] = even_columns[last - 1]
    return {"values": even_values, "columns": even_columns, "row_pointers": ends}
