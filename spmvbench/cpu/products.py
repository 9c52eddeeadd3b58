"""The product of stored entries with x, once their columns are known: what sparse formats share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import overload

from spmvbench.cpu.floats import widen


def add_products(values: Any, columns: Any, floats: Any, x: Any, y: Any, row: Any) -> None:
    """Add the sum of values[i] * x[columns[i]] to y[row]; for kernels only.

    Shapes: values and columns (n,), floats at least (n,), x (cols,) and y (rows,), or with a
    second axis, batch, each.
    """
    raise NotImplementedError("add_products is for compiled kernels")


def _one_vector(values: Any, columns: Any, floats: Any, x: Any, y: Any, row: Any) -> Any:
    """Four sums hide the latency of an addition.

    Written out, because a loop that LLVM may reorder becomes gather instructions, which many CPUs
    run slower than single loads.
    """
    wide = widen(values, floats)
    a = b = c = d = np.float32(0)
    whole = columns.size & ~3
    for i in range(0, whole, 4):
        a += wide[i] * x[columns[i]]
        b += wide[i + 1] * x[columns[i + 1]]
        c += wide[i + 2] * x[columns[i + 2]]
        d += wide[i + 3] * x[columns[i + 3]]
    for i in range(whole, columns.size):
        a += wide[i] * x[columns[i]]
    y[row] += (a + b) + (c + d)


def _four_vectors(values: Any, columns: Any, floats: Any, x: Any, y: Any, row: Any) -> Any:
    """Each entry is decoded once and then multiplied by four columns of x at a time."""
    wide = widen(values, floats)
    whole = x.shape[1] & ~3
    for j in range(0, whole, 4):
        a = b = c = d = np.float32(0)
        for i in range(columns.size):
            column = columns[i]
            a += wide[i] * x[column, j]
            b += wide[i] * x[column, j + 1]
            c += wide[i] * x[column, j + 2]
            d += wide[i] * x[column, j + 3]
        y[row, j] += a
        y[row, j + 1] += b
        y[row, j + 2] += c
        y[row, j + 3] += d
    for j in range(whole, x.shape[1]):
        a = np.float32(0)
        for i in range(columns.size):
            a += wide[i] * x[columns[i], j]
        y[row, j] += a


def _choose(values: Any, columns: Any, floats: Any, x: Any, y: Any, row: Any) -> Any:
    return _one_vector if x.ndim == 1 else _four_vectors


overload(add_products)(_choose)
