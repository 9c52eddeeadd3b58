"""MKL's inspector-executor for CSR, through ctypes. Importing this loads nothing.

Source: oneMKL C reference, "Inspector-executor Sparse BLAS Routines"; the numbers are its enums.
"""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import importlib
import importlib.metadata
import sys
import weakref
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from spmvbench.dtypes import Array
from spmvbench.formats.base import MatVec

_LP64 = 0
_INTEL_OPENMP, _GNU_OPENMP = 0, 3
_ZERO_BASED = 0
_NOT_TRANSPOSED = 10
_ROW_MAJOR = 101
_EXPECTED_CALLS = 10_000
_STATUS = {
    1: "not initialized",
    2: "allocation failed",
    3: "invalid value",
    4: "execution failed",
    5: "internal error",
    6: "not supported",
}


class _Descr(ctypes.Structure):
    """struct matrix_descr; passed by value."""

    _fields_ = (("type", ctypes.c_int), ("mode", ctypes.c_int), ("diag", ctypes.c_int))


_GENERAL = _Descr(20, 0, 0)


@cache
def find() -> str | None:
    """The library's path or name, None where there is none; loads nothing.

    First the wheel, which puts it outside its own package, then the environment, then the system.
    """
    try:
        files = importlib.metadata.files("mkl") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    paths = [Path(str(file.locate())) for file in files if file.name.startswith("libmkl_rt.so")]
    paths += sorted(Path(sys.prefix, "lib").glob("libmkl_rt.so*"))
    here = [str(path) for path in paths if path.is_file()]
    return here[0] if here else ctypes.util.find_library("mkl_rt")


@cache
def load() -> ctypes.CDLL:
    """The library, set to 32-bit indices and to the OpenMP that fits this process.

    Raises: RuntimeError when it cannot be loaded, or works with 64-bit indices in this process.
    """
    # MKL opens its parts to the whole process. A PyTorch imported after it binds the calls into its
    # own built-in MKL to them, of another version; imported before, both keep to themselves.
    with contextlib.suppress(ImportError, OSError):
        importlib.import_module("torch")
    try:
        lib = ctypes.CDLL(find() or "libmkl_rt.so")
    except OSError as error:
        raise RuntimeError(f"csr-mkl: MKL cannot be loaded: {error}") from error
    # These calls win over MKL_INTERFACE_LAYER and MKL_THREADING_LAYER, but only as the first ones.
    if lib.MKL_Set_Interface_Layer(_LP64) != _LP64:
        raise RuntimeError("csr-mkl: MKL was set to 64-bit indices before; expected 32-bit (LP64)")
    lib.MKL_Set_Threading_Layer(_openmp())
    lib.MKL_Set_Dynamic(0)  # otherwise it may take fewer threads than asked
    number, pointer, scalar = ctypes.c_int, ctypes.c_void_p, ctypes.c_float
    lib.mkl_sparse_s_create_csr.argtypes = (pointer, *[number] * 3, *[pointer] * 4)
    lib.mkl_sparse_s_mv.argtypes = (number, scalar, pointer, _Descr, pointer, scalar, pointer)
    lib.mkl_sparse_s_mm.argtypes = (
        *(number, scalar, pointer, _Descr, number),
        *(pointer, number, number, scalar, pointer, number),
    )
    return lib


def _openmp() -> int:
    """GNU's OpenMP where there is one, otherwise Intel's, which MKL's wheel brings along.

    PyTorch and Numba use GNU's. Beside it MKL would call half of Intel's and half of GNU's, and
    crash or leave y unwritten.
    """
    try:
        ctypes.CDLL("libgomp.so.1")
    except OSError:
        return _INTEL_OPENMP
    return _GNU_OPENMP


def set_threads(threads: int) -> None:
    """Let MKL use exactly this many threads from now on, in the whole process.

    Raises: RuntimeError when it uses another number.
    """
    lib = load()
    lib.MKL_Set_Num_Threads(threads)
    seen = lib.MKL_Get_Max_Threads()
    if seen != threads:
        raise RuntimeError(f"csr-mkl: MKL uses {seen} threads, expected {threads}")


def product(
    shape: tuple[int, int], row_pointers: Array, columns: Array, values: Array, batch: int
) -> MatVec:
    """A product by the given arrays, which it keeps alive; MKL's handle is freed with it.

    Raises: RuntimeError with MKL's status.
    """
    lib, handle = load(), ctypes.c_void_p()
    starts = row_pointers.ctypes.data
    ends = starts + row_pointers.itemsize
    where = (starts, ends, columns.ctypes.data, values.ctypes.data)
    status = lib.mkl_sparse_s_create_csr(ctypes.byref(handle), _ZERO_BASED, *shape, *where)
    _expect(status, "mkl_sparse_s_create_csr")
    matvec = _matvec(lib, handle, shape, batch)
    weakref.finalize(matvec, _destroy, handle, (row_pointers, columns, values))
    job = (handle, _NOT_TRANSPOSED, _GENERAL)
    if batch == 1:
        status = lib.mkl_sparse_set_mv_hint(*job, _EXPECTED_CALLS)
    else:
        status = lib.mkl_sparse_set_mm_hint(*job, _ROW_MAJOR, batch, _EXPECTED_CALLS)
    _expect(status, "mkl_sparse_set_hint")
    _expect(lib.mkl_sparse_optimize(handle), "mkl_sparse_optimize")
    return matvec


def _destroy(handle: ctypes.c_void_p, _arrays: tuple[Array, ...]) -> None:
    """Free MKL's side of a matrix. Until then its arrays have to live: MKL made no copy of them."""
    load().mkl_sparse_destroy(handle)


def _matvec(
    lib: ctypes.CDLL, handle: ctypes.c_void_p, shape: tuple[int, int], batch: int
) -> MatVec:
    x_shape, y_shape = ((n,) if batch == 1 else (n, batch) for n in reversed(shape))
    mv, mm = lib.mkl_sparse_s_mv, lib.mkl_sparse_s_mm
    job = (_NOT_TRANSPOSED, 1.0, handle, _GENERAL)

    def matvec(x: Array, y: Array) -> None:
        if x.shape != x_shape or y.shape != y_shape:
            raise ValueError(
                f"csr-mkl: x {x.shape} and y {y.shape}, expected {x_shape} and {y_shape}"
            )
        if batch == 1:
            status = mv(*job, _address(x), 0.0, _address(y))
        else:
            status = mm(*job, _ROW_MAJOR, _address(x), batch, batch, 0.0, _address(y), batch)
        if status:
            _expect(status, "the product")

    return matvec


def _address(array: Array) -> int:
    """Where the bytes of a float32 array in C order begin."""
    if array.dtype != np.float32 or not array.flags.c_contiguous:
        raise ValueError(f"csr-mkl: x or y is {array.dtype}, expected float32 in C order")
    if array.flags.writeable:
        buffer: Any = array
        return ctypes.addressof(ctypes.c_char.from_buffer(buffer))
    return int(array.ctypes.data)  # always right, and 0.7 us dearer per call


def _expect(status: int, call: str) -> None:
    if status:
        raise RuntimeError(f"csr-mkl: {call} failed: {_STATUS.get(status, 'unknown')} ({status})")
