"""The int8 product: as the dense one, but values are integers, and a row's sum gets its scale.

values    | 16 of 8 bits |      one load
widened   | 16 of 32 bits |     vpmovsxbd, vcvtdq2ps
x         | 16 of 32 bits |     from the L1 cache
sums      | 16 of 32 bits |     vfmadd; four such registers hide its latency
y         total of the sums, times the scale
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from spmvbench.cpu.simd import room, several_rows
from spmvbench.cpu.simd.dense import write_rows
from spmvbench.cpu.simd.dispatch import kernels
from spmvbench.cpu.simd.vectors import pointer
from spmvbench.dtypes import Array
from spmvbench.formats.base import Target


class Int8(NamedTuple):
    """Values row after row, with room behind; a scale for each row; x with room around."""

    values: Array
    scales: Array
    floats: Array
    cols: int


Matrix = Int8 | several_rows.Int8


def matrix(device: Target, values: Array, scales: Array) -> Matrix:
    """The arrays on the device. Shapes: values (rows, cols) int8, scales (rows,) float32."""
    if device.batch > 1:
        return several_rows.int8(device, values, scales)
    cols = values.shape[1]
    floats = room.for_x(device, cols, "float32")
    return Int8(room.put(device, values), device.put(scales), floats, cols)


def nanoseconds(matrix: Matrix, batch: int) -> float:
    """What a product takes in one thread, roughly: it reads memory as fast as one core can."""
    return max(matrix.values.nbytes / 30, 0.012 * batch * matrix.values.size)


def _rows(matrix: Any, y: Any, first: Any, last: Any, part: Any) -> Any:
    values, x, scales = pointer(matrix.values, 0), pointer(matrix.floats, 0), matrix.scales
    write_rows(values, x, np.int64(matrix.cols), y, first, last)
    for row in range(first, last):
        y[row] *= scales[row]


kernels(Int8, room.take_floats, _rows)
