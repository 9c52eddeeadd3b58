"""CSR as the libraries take it: values, their columns, and where each row begins.

    dense  0 3 0 5     values        3 5 7     float32
           0 0 0 0     columns       1 3 0     int32
           7 0 0 0     row_pointers  0 2 2 3   int32

-0.0 is not stored, NaN is. Columns ascend within a row. Both index arrays are int64 where int32 is
too narrow, as SciPy wants them of one type. Values are float32 but where a library takes others.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spmvbench.dtypes import DTYPES, Array, dtype_name, is_on_host, to_host
from spmvbench.formats.base import Packed

INT32_MAX = 2**31 - 1

# A chunk bounds the temporaries (up to 20 bytes an element) and leaves them in the cache.
_CHUNK_ELEMENTS = 1 << 18
# On a device a chunk costs calls; these are some hundred MB of temporaries.
_DEVICE_ELEMENTS = 1 << 24


def index_dtype(cols: int, stored: int) -> np.dtype[np.signedinteger]:
    """The type of both index arrays: int32, or int64 above 2^31 - 1 columns or stored values."""
    return np.dtype(np.int32 if max(cols, stored) <= INT32_MAX else np.int64)


def pack(dense: Array, values_dtype: str = "float32") -> Packed:
    """The CSR arrays of a matrix of any supported type, where it is. Shape: dense (rows, cols)."""
    rows, cols = dense.shape
    ends = np.zeros(rows + 1, np.int64)
    chunks = list(
        _row_chunks(rows, cols, _CHUNK_ELEMENTS if is_on_host(dense) else _DEVICE_ELEMENTS)
    )
    for top, bottom in chunks:
        counts = np.count_nonzero(_occupied(dense[top:bottom]), axis=1)
        ends[top + 1 : bottom + 1] = to_host(counts)
    np.cumsum(ends, out=ends)
    stored = int(ends[-1])
    index = index_dtype(cols, stored)
    values, columns = (np.empty_like(dense, t, shape=stored) for t in (DTYPES[values_dtype], index))
    for top, bottom in chunks if stored else ():
        chunk = dense[top:bottom]
        positions = np.flatnonzero(_occupied(chunk))
        place = slice(int(ends[top]), int(ends[bottom]))
        values[place] = chunk.reshape(-1)[positions]
        columns[place] = positions % cols if cols else positions
    pointers = _beside(ends.astype(index), dense)
    arrays = {"values": values, "columns": columns, "row_pointers": pointers}
    return Packed((rows, cols), dtype_name(dense.dtype), arrays)


def _beside(array: Array, dense: Array) -> Array:
    """A host array where the matrix is; then everything there is complete."""
    if is_on_host(dense):
        return array
    import cupy

    there: Array = cupy.asarray(array)
    cupy.cuda.get_current_stream().synchronize()
    return there


def unpack(packed: Packed) -> Array:
    """The dense matrix in its own type. Shape: (rows, cols)."""
    rows, cols = packed.shape
    dense = np.zeros(packed.shape, DTYPES[packed.dtype])
    ends = packed.arrays["row_pointers"]
    for top, bottom in _row_chunks(rows, cols, _CHUNK_ELEMENTS):
        place = slice(ends[top], ends[bottom])
        within = np.repeat(np.arange(bottom - top), np.diff(ends[top : bottom + 1]))
        dense[top:bottom][within, packed.arrays["columns"][place]] = packed.arrays["values"][place]
    return dense


def check(name: str, packed: Packed, values_dtype: str = "float32") -> None:
    """Refuse arrays that would make a C library read outside of them.

    Raises: ValueError.
    """
    rows, cols = packed.shape
    values, columns = packed.arrays["values"], packed.arrays["columns"]
    ends = packed.arrays["row_pointers"]
    if ends.shape != (rows + 1,) or ends[0] != 0 or (np.diff(ends) < 0).any():
        raise ValueError(f"{name}: row_pointers must be {rows + 1} ascending numbers from 0")
    if values.shape != (ends[-1],) or columns.shape != (ends[-1],):
        raise ValueError(
            f"{name}: {values.size} values and {columns.size} columns, expected {ends[-1]} of each"
        )
    same_index = columns.dtype == ends.dtype in (np.int32, np.int64)
    if values.dtype != DTYPES[values_dtype] or not same_index:
        raise ValueError(
            f"{name}: values are {values.dtype}, columns {columns.dtype}, row_pointers "
            f"{ends.dtype}; expected {values_dtype} and twice int32 or twice int64"
        )
    if columns.size and not (columns.min() >= 0 and columns.max() < cols):
        raise ValueError(
            f"{name}: columns run from {columns.min()} to {columns.max()}, expected 0 to {cols - 1}"
        )


def _row_chunks(rows: int, cols: int, elements: int) -> Iterator[tuple[int, int]]:
    step = max(1, elements // max(1, cols))
    return ((top, min(top + step, rows)) for top in range(0, rows, step))


def _occupied(chunk: Array) -> Array:
    """True where a bit other than the sign is set: works alike for all types, and for NaN."""
    bits = chunk.view(f"u{chunk.dtype.itemsize}")
    occupied: Array = (bits << 1) != 0
    return occupied
