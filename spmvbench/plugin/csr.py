"""CSR for plug-ins: the values as they are, int32 columns, int64 row pointers."""

from __future__ import annotations

import numpy as np

from spmvbench.cpu.arrays import stored_bits
from spmvbench.dtypes import Array

_CHUNK_ELEMENTS = 1 << 18
"""Bounds the temporaries, and leaves them in the cache."""


def csr(dense: Array) -> tuple[Array, Array, Array]:
    """Values, columns and row pointers of the elements other than 0.0 and -0.0; NaN is kept.

    Shape: dense (rows, cols).
    """
    rows, cols = dense.shape
    step = max(1, _CHUNK_ELEMENTS // max(1, cols))
    values, columns, counts = [], [], [np.zeros(1, np.int64)]
    for top in range(0, rows, step):
        chunk = dense[top : top + step]
        occupied = stored_bits(chunk) << 1 != 0
        within, found = occupied.nonzero()
        values.append(chunk[within, found])
        columns.append(found.astype(np.int32))
        counts.append(np.count_nonzero(occupied, axis=1))
    ends = np.cumsum(np.concatenate(counts), dtype=np.int64)
    empty = np.empty(0, dense.dtype), np.empty(0, np.int32)
    return (
        np.concatenate([empty[0], *values]),
        np.concatenate([empty[1], *columns]),
        ends,
    )
