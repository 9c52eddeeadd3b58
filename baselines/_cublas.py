"""cuBLAS through ctypes, and what cuBLASLt shares with it. Importing this loads nothing.

They count in columns. To them an array of ours in C order is its transpose: A (rows, cols) is a
matrix A' of `rows` columns. One vector is multiplied as y = (A')' x, which they have kernels for,
a batch as y' = x' A'.

Source: cublas_api.h of CUDA 13; the numbers are its enums.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from spmvbench.cuda.libraries import DATA_TYPES, Library, address, vector_shapes
from spmvbench.dtypes import Array, dtype_name
from spmvbench.formats.base import MatVec

WORKSPACE_BYTES = 32 << 20
"""What NVIDIA advises for Hopper and newer."""

COMPUTE_32F = 68
_TRANSPOSED = 1
_DEFAULT_ALGORITHM = -1
# Partial sums of a 16-bit product may not be added in 16 bits: the sums are to be float32.
_DISALLOW_REDUCED_PRECISION_REDUCTION = 16

_ONE, _ZERO = ctypes.c_float(1), ctypes.c_float(0)
ALPHA, BETA = ctypes.addressof(_ONE), ctypes.addressof(_ZERO)

_CUBLAS = {
    "cublasCreate_v2": "p",
    "cublasSetMathMode": "p i",
    "cublasSetStream_v2": "pp",
    "cublasSetWorkspace_v2": "pp z",
    "cublasGemmEx": "p ii iii p pii pii p pii ii",
    "cublasSgemv_v2": "p i ii p pi pi p pi",
}


@dataclass(frozen=True)
class Matrix:
    """A matrix as cuBLAS sees it: columns of `rows` values, one after the other."""

    rows: int
    cols: int


@dataclass(frozen=True)
class Task:
    """y = left right. `vector`: left is A', to be transposed, and right x; else left is x'."""

    vector: bool
    left: Matrix
    right: Matrix
    y: Matrix

    @staticmethod
    def of(shape: tuple[int, int], batch: int) -> Task:
        """The product of a matrix of this shape, in C order, with `batch` vectors."""
        rows, cols = shape
        a = Matrix(cols, rows)
        if batch == 1:
            return Task(True, a, Matrix(cols, 1), Matrix(rows, 1))
        return Task(False, Matrix(batch, cols), a, Matrix(batch, rows))


def gemm(values: Array, batch: int) -> MatVec:
    """The product by cublasGemmEx: values, x and y of one type, sums in float32."""
    task, kind = Task.of(values.shape, batch), DATA_TYPES[dtype_name(values.dtype)]
    enter, multiply = _entrance(), _cublas().cublasGemmEx
    sizes = (task.vector, 0, task.y.rows, task.y.cols, values.shape[1])

    def call(left: int, right: int, y: int) -> None:
        multiply(
            *(enter(), *sizes, ALPHA),
            *(left, kind, task.left.rows, right, kind, task.right.rows),
            *(BETA, y, kind, task.y.rows, COMPUTE_32F, _DEFAULT_ALGORITHM),
        )

    return matvec_of(values, batch, call)


def sgemv(values: Array) -> MatVec:
    """The product by cublasSgemv: float32 throughout, one vector."""
    rows, cols = values.shape
    enter, multiply = _entrance(), _cublas().cublasSgemv_v2

    def call(a: int, x: int, y: int) -> None:
        multiply(enter(), _TRANSPOSED, cols, rows, ALPHA, a, cols, x, 1, BETA, y, 1)

    return matvec_of(values, 1, call)


def matvec_of(values: Array, batch: int, call: Callable[[int, int, int], None]) -> MatVec:
    """`call` with the addresses of left, right and y."""
    x_shape, y_shape = vector_shapes(values.shape, batch)
    shape, dtype = values.shape, dtype_name(values.dtype)

    def matvec(x: Array, y: Array) -> None:
        a = address("A", values, shape, dtype)
        b, to = address("x", x, x_shape, dtype), address("y", y, y_shape, dtype)
        call(*((a, b) if batch == 1 else (b, a)), to)

    return matvec


def _entrance() -> Callable[[], ctypes.c_void_p]:
    """Gives the handle, set to CuPy's current stream and to a workspace of ours.

    To set the stream takes the workspace away, and without one a call that is captured allocates
    memory in its graph.
    """
    import cupy

    lib, handle, room = _cublas(), _cublas_handle(), workspace()
    current = cupy.cuda.get_current_stream

    def enter() -> ctypes.c_void_p:
        lib.cublasSetStream_v2(handle, current().ptr)
        lib.cublasSetWorkspace_v2(handle, room.data.ptr, WORKSPACE_BYTES)
        return handle

    return enter


@cache
def _cublas() -> Library:
    return Library("cublas", _CUBLAS, "cublasGetStatusName")


@cache
def _cublas_handle() -> ctypes.c_void_p:
    """One for the process, as a handle takes memory of the GPU; never freed."""
    handle = ctypes.c_void_p()
    _cublas().cublasCreate_v2(ctypes.byref(handle))
    _cublas().cublasSetMathMode(handle, _DISALLOW_REDUCED_PRECISION_REDUCTION)
    return handle


@cache
def workspace() -> Any:
    """One for the process: products that are timed together run one after the other."""
    import cupy

    return cupy.empty(WORKSPACE_BYTES, "uint8")
