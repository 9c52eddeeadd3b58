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


def _many_vectors(values: Any, columns: Any, floats: Any, x: Any, y: Any, row: Any) -> Any:
    """Four entries at a time, so that y[row] is read and written a quarter as often.

    The inner loop runs along the batch, which is contiguous in x and y: it vectorises.
    """
    wide = widen(values, floats)
    sums = y[row]
    whole = columns.size & ~3
    for i in range(0, whole, 4):
        a, b, c, d = wide[i], wide[i + 1], wide[i + 2], wide[i + 3]
        at_a, at_b, at_c, at_d = columns[i], columns[i + 1], columns[i + 2], columns[i + 3]
        x_a, x_b, x_c, x_d = x[at_a], x[at_b], x[at_c], x[at_d]
        for j in range(sums.size):
            sums[j] += (a * x_a[j] + b * x_b[j]) + (c * x_c[j] + d * x_d[j])
    for i in range(whole, columns.size):
        for j in range(sums.size):
            sums[j] += wide[i] * x[columns[i], j]


def _choose(values: Any, columns: Any, floats: Any, x: Any, y: Any, row: Any) -> Any:
    return _one_vector if x.ndim == 1 else _many_vectors


overload(add_products)(_choose)
