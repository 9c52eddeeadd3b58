"""cuSPARSE's generic products of a CSR matrix, through ctypes. Importing this loads nothing.

Source: cusparse.h of CUDA 13; the numbers are its enums.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from spmvbench.cuda.libraries import (
    DATA_TYPES,
    Library,
    LibraryError,
    NotSupported,
    address,
    free_with,
    vector_shapes,
)
from spmvbench.dtypes import DTYPES, Array, dtype_name
from spmvbench.formats.base import MatVec

SPMV, SPMM = "cusparseSpMV", "cusparseSpMM"

_NOT_TRANSPOSED = 0
_COMPUTE_32F = DATA_TYPES["float32"]
_ZERO_BASED = 0
_INDEX_TYPES = {"int32": 2, "int64": 3}
_COLUMN_ORDER, _ROW_ORDER = 1, 2
_SPMV_CSR_ALG1 = 2
_SPMM_CSR_ALG1, _SPMM_CSR_ALG2 = 4, 6

_ONE, _ZERO = ctypes.c_float(1), ctypes.c_float(0)
_ALPHA, _BETA = ctypes.addressof(_ONE), ctypes.addressof(_ZERO)

_SIGNATURES = {
    "cusparseCreate": "p",
    "cusparseSetStream": "pp",
    "cusparseCreateCsr": "p lll ppp ii i i",
    "cusparseDestroySpMat": "p",
    "cusparseCreateDnVec": "p l p i",
    "cusparseDestroyDnVec": "p",
    "cusparseDnVecSetValues": "pp",
    "cusparseCreateDnMat": "p ll l p i i",
    "cusparseDestroyDnMat": "p",
    "cusparseDnMatSetValues": "pp",
    "cusparseSpMV_bufferSize": "p i p pp p p i i p",
    "cusparseSpMV_preprocess": "p i p pp p p i i p",
    "cusparseSpMV": "p i p pp p p i i p",
    "cusparseSpMM_bufferSize": "p ii p pp p p i i p",
    "cusparseSpMM_preprocess": "p ii p pp p p i i p",
    "cusparseSpMM": "p ii p pp p p i i p",
}

Empty = Callable[[int | tuple[int, ...], str], Array]
"""`Target.empty`."""


@dataclass(frozen=True)
class Csr:
    """A CSR matrix on the device, its entries more than none."""

    shape: tuple[int, int]
    values: Array
    columns: Array
    row_pointers: Array


@dataclass(frozen=True)
class _Routine:
    """How a product is asked for. `x` and `y`: sizes of their descriptors, of kind `vectors`."""

    operations: tuple[int, ...]
    algorithm: int
    vectors: str
    x: tuple[int, ...]
    y: tuple[int, ...]
    order: tuple[int, ...] = ()


def _routine(name: str, shape: tuple[int, int], batch: int) -> _Routine:
    """One vector is to SpMM a matrix of one column; several are one in C order.

    CSR_ALG1 is the default for columns, CSR_ALG2 what NVIDIA advises for C order.
    """
    rows, cols = shape
    one, both = (_NOT_TRANSPOSED,), (_NOT_TRANSPOSED, _NOT_TRANSPOSED)
    if name == SPMV:
        if batch != 1:
            raise ValueError(f"{name} takes one vector, not {batch}")
        return _Routine(one, _SPMV_CSR_ALG1, "DnVec", (cols,), (rows,))
    if batch == 1:
        x, y = (cols, 1, cols), (rows, 1, rows)
        return _Routine(both, _SPMM_CSR_ALG1, "DnMat", x, y, (_COLUMN_ORDER,))
    x, y = (cols, batch, batch), (rows, batch, batch)
    return _Routine(both, _SPMM_CSR_ALG2, "DnMat", x, y, (_ROW_ORDER,))


@cache
def takes(name: str, dtype: str) -> bool:
    """Whether SPMV or SPMM takes values of this type here: asked with a matrix of one entry.

    True where it cannot be asked.
    """
    try:
        _handle()
        import cupy

        index = np.array([0, 1], np.int32)
        arrays = (np.ones(1, DTYPES[dtype]), index[:1], index)
        matrix = Csr((1, 1), *map(cupy.asarray, arrays))
        for batch in (1,) if name == SPMV else (1, 2):
            matvec = product(name, matrix, batch, cupy.empty)
            x, y = (cupy.empty(s, DTYPES[dtype]) for s in vector_shapes((1, 1), batch))
            matvec(x, y)
    except NotSupported:
        return False
    except (ImportError, LibraryError):
        return True
    return True


def product(name: str, matrix: Csr, batch: int, empty: Empty) -> MatVec:
    """The product by SPMV, for one vector, or by SPMM; preprocessed where the library can.

    It keeps the matrix alive. Sums are in float32. Raises: LibraryError.
    """
    import cupy

    lib, handle, how = _cusparse(), _handle(), _routine(name, matrix.shape, batch)
    dtype, current = dtype_name(matrix.values.dtype), cupy.cuda.get_current_stream
    x_shape, y_shape = vector_shapes(matrix.shape, batch)
    with contextlib.ExitStack() as made:
        a = _csr(lib, made, matrix)
        of_x, of_y = (
            _vector(lib, made, how, sizes, empty(shape, dtype))
            for sizes, shape in ((how.x, x_shape), (how.y, y_shape))
        )
        job = (handle, *how.operations, _ALPHA, a, of_x, _BETA, of_y, _COMPUTE_32F, how.algorithm)
        lib.cusparseSetStream(handle, current().ptr)
        room = _room(lib, name, job, empty)
        set_values, multiply = getattr(lib, f"cusparse{how.vectors}SetValues"), getattr(lib, name)

        def matvec(x: Array, y: Array) -> None:
            set_values(of_x, address("x", x, x_shape, dtype))
            set_values(of_y, address("y", y, y_shape, dtype))
            lib.cusparseSetStream(handle, current().ptr)
            multiply(*job, room.data.ptr)

        free_with(matvec, made, matrix)
    return matvec


def _room(lib: Library, name: str, job: tuple[Any, ...], empty: Empty) -> Any:
    """The buffer that the product works in, with what the library has noted of the matrix."""
    size = ctypes.c_size_t()
    getattr(lib, f"{name}_bufferSize")(*job, ctypes.byref(size))
    room: Any = empty(max(size.value, 1), "uint8")
    if lib.has(f"{name}_preprocess"):
        getattr(lib, f"{name}_preprocess")(*job, room.data.ptr)
    return room


def _csr(lib: Library, made: contextlib.ExitStack, matrix: Csr) -> ctypes.c_void_p:
    a = ctypes.c_void_p()
    arrays: tuple[Any, ...] = (matrix.row_pointers, matrix.columns, matrix.values)
    lib.cusparseCreateCsr(
        *(ctypes.byref(a), *matrix.shape, matrix.values.size),
        *(array.data.ptr for array in arrays),
        *(_INDEX_TYPES[str(array.dtype)] for array in arrays[:2]),
        *(_ZERO_BASED, DATA_TYPES[dtype_name(matrix.values.dtype)]),
    )
    made.callback(lib.cusparseDestroySpMat, a)
    return a


def _vector(
    lib: Library, made: contextlib.ExitStack, how: _Routine, sizes: tuple[int, ...], like: Any
) -> ctypes.c_void_p:
    """A descriptor of x or y; each product sets the address anew."""
    vector, kind = ctypes.c_void_p(), DATA_TYPES[dtype_name(like.dtype)]
    create = getattr(lib, f"cusparseCreate{how.vectors}")
    create(ctypes.byref(vector), *sizes, like.data.ptr, kind, *how.order)
    made.callback(getattr(lib, f"cusparseDestroy{how.vectors}"), vector)
    return vector


@cache
def _cusparse() -> Library:
    return Library("cusparse", _SIGNATURES, "cusparseGetErrorName")


@cache
def _handle() -> ctypes.c_void_p:
    """One for the process, as a handle takes memory of the GPU; never freed."""
    handle = ctypes.c_void_p()
    _cusparse().cusparseCreate(ctypes.byref(handle))
    return handle
