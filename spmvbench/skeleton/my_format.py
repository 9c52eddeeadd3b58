"""my-format: say here in one sentence what is stored, then draw it.

A row with a, b, c, d in columns 0, 1, 5, 25:

    column    0    1    2  3  4    5    6 ...  25
    dense     a    b    .  .  .    c    .       d
    entry     0    1               2            3
    values    a    b               c            d      as the weights
    columns   0    1               5           25      int32

Row r owns entries row_pointers[r] .. row_pointers[r + 1].

This layout is CSR, plain and right. Replace it piece by piece; after each piece
`spmvbench check my_format.py:MyFormat` says whether it still is.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numba import prange

from spmvbench.cpu.floats import kernel_view, to_float32
from spmvbench.cpu.jit import njit
from spmvbench.cuda.launch import checked
from spmvbench.cuda.module import compiled
from spmvbench.cuda.names import VALUES
from spmvbench.dtypes import DTYPES, Array, dtype_name
from spmvbench.formats.base import Format, MatVec, Packed, Target


class MyFormat(Format):
    """What is stored, and for which matrices it is meant."""

    name = "my-format"

    # What there are kernels for. Anything else is `unavailable`, with a reason made of these.
    devices: ClassVar = ("cpu", "cuda")
    dtypes: ClassVar = ("float16", "bfloat16", "float32")
    # batches: ClassVar = {"cuda": (1, 2, 4)}   # numbers of columns of x, if they are these only

    # lossless = False   # if unpack gives other values than pack was given: judged by unpack then
    # dense = True       # if zeros are stored too: then it may be the baseline of others

    def pack(self, dense: Array) -> Packed:
        """See `Format.pack`. The same matrix must give the same bytes; `dense` is not changed.

        -0.0 counts as zero; NaN is a value. All bytes that the product needs are in `arrays`:
        their sum is the size in every table.
        """
        rows, columns = (dense != 0).nonzero()
        pointers = np.zeros(dense.shape[0] + 1, np.int64)
        np.cumsum(np.bincount(rows, minlength=dense.shape[0]), out=pointers[1:])
        arrays = {
            "values": dense[rows, columns],
            "columns": columns.astype(np.int32),
            "row_pointers": pointers,
        }
        return Packed(dense.shape, dtype_name(dense.dtype), arrays)

    def unpack(self, packed: Packed) -> Array:
        """See `Format.unpack`. The layout, executable: slow is fine, NumPy is fine."""
        dense = np.zeros(packed.shape, DTYPES[packed.dtype])
        pointers = packed.arrays["row_pointers"]
        rows = np.repeat(np.arange(packed.shape[0]), np.diff(pointers))
        dense[rows, packed.arrays["columns"]] = packed.arrays["values"]
        return dense

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """See `Format.plan`. Upload, compile, allocate here; none of it is timed as product."""
        if device.kind == "cuda":
            return _on_gpu(packed, device)
        values = device.put(kernel_view(packed.arrays["values"]))
        columns = device.put(packed.arrays["columns"])
        pointers = device.put(packed.arrays["row_pointers"])

        def matvec(x: Array, y: Array) -> None:
            # (cols,) and (rows,), or with several vectors (cols, batch) and (rows, batch).
            batch = device.batch
            _product(values, columns, pointers, x.reshape(-1, batch), y.reshape(-1, batch))

        _product(values[:0], columns[:0], pointers[:1], *_nothing(device.batch))  # compiles
        return matvec


def _nothing(batch: int) -> tuple[Array, Array]:
    return np.zeros((0, batch), np.float32), np.zeros((0, batch), np.float32)


@njit(parallel=True)
def _product(values: Any, columns: Any, pointers: Any, x: Any, y: Any) -> None:
    """Write y = A x on the CPU. Shapes: x (cols, batch), y (rows, batch), float32.

    Values are bits, which `to_float32` widens: uint16 is float16, int16 is bfloat16.
    """
    for row in prange(pointers.size - 1):
        y[row] = 0
        for at in range(pointers[row], pointers[row + 1]):
            value, column = to_float32(values[at]), columns[at]
            for k in range(y.shape[1]):
                y[row, k] += value * x[column, k]


CODE = """
#include <cuda_bf16.h>
#include <cuda_fp16.h>

// y = A x, one thread per row. Shapes: x (cols, BATCH), y (rows, BATCH), both of type T.
template <typename T, int BATCH>
__global__ void my_format(const T* __restrict__ values, const int* __restrict__ columns,
                          const long long* __restrict__ row_pointers, const T* __restrict__ x,
                          T* __restrict__ y, long long rows) {
  const long long row = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= rows) return;
  float sums[BATCH] = {};
  for (long long i = row_pointers[row]; i < row_pointers[row + 1]; ++i)
    for (int k = 0; k < BATCH; ++k)
      sums[k] += float(values[i]) * float(x[(long long)columns[i] * BATCH + k]);
  for (int k = 0; k < BATCH; ++k) y[row * BATCH + k] = T(sums[k]);
}
"""

THREADS = 128


def _on_gpu(packed: Packed, device: Target) -> MatVec:
    """Queue the kernel on CuPy's current stream: no waiting and no allocating in the product."""
    arrays = [device.put(array) for array in packed.arrays.values()]
    kernel = compiled(CODE, f"my_format<{VALUES[packed.dtype]}, {device.batch}>")
    rows = packed.shape[0]
    grid = (-(-rows // THREADS),)

    def product(x: Array, y: Array) -> None:
        if rows:  # no launch has an empty grid
            kernel(grid, (THREADS,), (*arrays, x, y, np.int64(rows)))

    return checked(product, packed.shape, device.batch, packed.dtype)
