"""Sputnik's CudaSpmm from a library that the user has built, through ctypes.

Source: sputnik/spmm/cuda_spmm.h at bbf5840.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
from collections.abc import Callable
from functools import cache
from typing import Any

from spmvbench.cuda.libraries import INSTALL, address, free_with, vector_shapes
from spmvbench.dtypes import Array
from spmvbench.formats.base import MatVec, Target

VARIABLE = "SPMVBENCH_SPUTNIK"

SYMBOLS = {
    "float32": "_ZN7sputnik8CudaSpmmEiiiiPKiPKfS1_S1_S3_PfP11CUstream_st",
    "float16": "_ZN7sputnik8CudaSpmmEiiiiPKiPK7__half2S1_PK6short2S4_PS2_P11CUstream_st",
}
"""`sputnik::CudaSpmm` of float and int, and of half2 and short2, as C++ compilers name them."""


def missing() -> str | None:
    """Why it cannot be called, and the way out, in one line; None when it can."""
    path = os.environ.get(VARIABLE)
    if not path:
        return f"{VARIABLE} is not set; docs/baselines.md says how to point it at libsputnik.so"
    if importlib.util.find_spec("cupy") is None:
        return f"CuPy is not installed; {INSTALL}"
    try:
        library = _load(path)
    except OSError as error:
        return f"{VARIABLE}={path}: cannot be loaded: {error}"
    lacking = [dtype for dtype, symbol in SYMBOLS.items() if not hasattr(library, symbol)]
    if lacking:
        return f"{VARIABLE}={path}: has no sputnik::CudaSpmm of {' and '.join(lacking)}"
    return None


@cache
def _load(path: str) -> ctypes.CDLL:
    return ctypes.CDLL(path)


def width(batch: int, dtype: str) -> int:
    """The columns that x has to have: half2 are pairs, and above 16 columns loads are of two."""
    step = 1 if dtype == "float32" else 2 if batch <= 16 else 4
    return -(-batch // step) * step


def product(
    shape: tuple[int, int], arrays: dict[str, Array], dtype: str, stored: int, device: Target
) -> MatVec:
    """The product by arrays on the device, which it keeps alive."""
    import cupy

    multiply, current = _function(dtype), cupy.cuda.get_current_stream
    rows, cols = shape
    wide = width(device.batch, dtype)
    parts: Any = (arrays[key] for key in ("row_indices", "values", "row_pointers", "columns"))
    job = (rows, cols, wide, stored, *(array.data.ptr for array in parts))
    x_shape, y_shape = vector_shapes(shape, device.batch)

    def straight(x: Array, y: Array) -> None:
        x_at, y_at = address("x", x, x_shape, dtype), address("y", y, y_shape, dtype)
        _expect(multiply(*job, x_at, y_at, current().ptr))

    if wide == device.batch:
        free_with(straight, contextlib.ExitStack(), arrays)
        return straight
    wide_x: Any = device.empty((cols, wide), dtype)
    wide_y: Any = device.empty((rows, wide), dtype)
    wide_x.fill(0)
    inner_x, inner_y = wide_x[:, : device.batch], wide_y[:, : device.batch]

    def padded(x: Array, y: Array) -> None:
        inner_x[...] = x.reshape(cols, device.batch)
        _expect(multiply(*job, wide_x.data.ptr, wide_y.data.ptr, current().ptr))
        y.reshape(rows, device.batch)[...] = inner_y

    free_with(padded, contextlib.ExitStack(), arrays)
    return padded


def _function(dtype: str) -> Callable[..., int]:
    function = _load(os.environ[VARIABLE])[SYMBOLS[dtype]]
    function.argtypes = [ctypes.c_int] * 4 + [ctypes.c_void_p] * 7
    return function


def _expect(status: int) -> None:
    if status:
        import cupy

        raise cupy.cuda.runtime.CUDARuntimeError(status)
