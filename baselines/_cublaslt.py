"""cuBLASLt through ctypes. Importing this loads nothing. It counts in columns: see `_cublas`.

Source: cublasLt.h of CUDA 13; the numbers are its enums.
"""

from __future__ import annotations

import contextlib
import ctypes
from functools import cache
from typing import Any

from spmvbench.cuda.libraries import DATA_TYPES, Library, LibraryError, free_with
from spmvbench.dtypes import Array, dtype_name
from spmvbench.formats.base import MatVec

from ._cublas import ALPHA, BETA, COMPUTE_32F, WORKSPACE_BYTES, Task, matvec_of, workspace

ALIGNMENT = 64
"""What `Target.put` promises, in bytes."""

_TRANSPOSE_LEFT = 3
_MAX_WORKSPACE_BYTES, _REDUCTION_SCHEMES = 1, 3
_MIN_ALIGNMENTS = (5, 6, 7, 8)
# Partial sums of a 16-bit product may not be added in 16 bits: the sums are to be float32.
_REDUCTION_IN_COMPUTE_TYPE = 2
_CANDIDATES = 8

_SIGNATURES = {
    "cublasLtCreate": "p",
    "cublasLtMatmulDescCreate": "p ii",
    "cublasLtMatmulDescDestroy": "p",
    "cublasLtMatmulDescSetAttribute": "p i pz",
    "cublasLtMatrixLayoutCreate": "p i ll l",
    "cublasLtMatrixLayoutDestroy": "p",
    "cublasLtMatmulPreferenceCreate": "p",
    "cublasLtMatmulPreferenceDestroy": "p",
    "cublasLtMatmulPreferenceSetAttribute": "p i pz",
    "cublasLtMatmulAlgoGetHeuristic": "pp pppp p i pp",
    "cublasLtMatmul": "pp p pp pp p pp pp p pz p",
}


class _Candidate(ctypes.Structure):
    """cublasLtMatmulHeuristicResult_t; `state` is a status."""

    _fields_ = (
        ("algorithm", ctypes.c_uint64 * 8),
        ("workspace_bytes", ctypes.c_size_t),
        ("state", ctypes.c_int),
        ("waves", ctypes.c_float),
        ("reserved", ctypes.c_int * 4),
    )


def matmul(values: Array, batch: int) -> MatVec:
    """The product by cublasLtMatmul, with the algorithm that its heuristic ranks first.

    Raises: LibraryError when it knows none.
    """
    import cupy

    lib, handle, room = _library(), _handle(), workspace()
    current, kind = cupy.cuda.get_current_stream, DATA_TYPES[dtype_name(values.dtype)]
    task = Task.of(values.shape, batch)
    with contextlib.ExitStack() as made:
        operation = _made(lib, made, "cublasLtMatmulDesc", COMPUTE_32F, DATA_TYPES["float32"])
        transpose = ctypes.c_int32(task.vector)
        _set(lib, "cublasLtMatmulDesc", operation, _TRANSPOSE_LEFT, transpose)
        left, right, to = (
            _made(lib, made, "cublasLtMatrixLayout", kind, m.rows, m.cols, m.rows)
            for m in (task.left, task.right, task.y)
        )
        best = _best(lib, handle, operation, (left, right, to, to))
        algorithm = ctypes.byref(best.algorithm)

        def call(a: int, b: int, y: int) -> None:
            lib.cublasLtMatmul(
                *(handle, operation, ALPHA, a, left, b, right, BETA, y, to, y, to),
                *(algorithm, room.data.ptr, best.workspace_bytes, current().ptr),
            )

        matvec = matvec_of(values, batch, call)
        free_with(matvec, made)
    return matvec


def _best(
    lib: Library, handle: ctypes.c_void_p, operation: ctypes.c_void_p, layouts: tuple[Any, ...]
) -> _Candidate:
    """The first algorithm that runs in our workspace; they come fastest first, by estimate."""
    kind, seen = "cublasLtMatmulPreference", ctypes.c_int()
    candidates = (_Candidate * _CANDIDATES)()
    with contextlib.ExitStack() as made:
        wish = _made(lib, made, kind)
        _set(lib, kind, wish, _MAX_WORKSPACE_BYTES, ctypes.c_uint64(WORKSPACE_BYTES))
        reduction = ctypes.c_uint32(_REDUCTION_IN_COMPUTE_TYPE)
        _set(lib, kind, wish, _REDUCTION_SCHEMES, reduction)
        for attribute in _MIN_ALIGNMENTS:
            _set(lib, kind, wish, attribute, ctypes.c_uint32(ALIGNMENT))
        lib.cublasLtMatmulAlgoGetHeuristic(
            *(handle, operation, *layouts, wish, _CANDIDATES),
            *(ctypes.byref(candidates), ctypes.byref(seen)),
        )
    for candidate in candidates[: seen.value]:
        if candidate.state == 0 and candidate.workspace_bytes <= WORKSPACE_BYTES:
            return candidate
    raise LibraryError(
        f"cublasLtMatmulAlgoGetHeuristic knows no algorithm, {seen.value} offered, "
        f"none of which runs in {WORKSPACE_BYTES} bytes of workspace"
    )


@cache
def _library() -> Library:
    return Library("cublasLt", _SIGNATURES, "cublasLtGetStatusName")


@cache
def _handle() -> ctypes.c_void_p:
    handle = ctypes.c_void_p()
    _library().cublasLtCreate(ctypes.byref(handle))
    return handle


def _made(lib: Library, made: contextlib.ExitStack, kind: str, *words: int) -> ctypes.c_void_p:
    """A descriptor, destroyed with `made`."""
    descriptor = ctypes.c_void_p()
    getattr(lib, f"{kind}Create")(ctypes.byref(descriptor), *words)
    made.callback(getattr(lib, f"{kind}Destroy"), descriptor)
    return descriptor


def _set(lib: Library, kind: str, descriptor: ctypes.c_void_p, attribute: int, value: Any) -> None:
    """Set an attribute to a number of ctypes, whose size the library checks."""
    size = ctypes.sizeof(value)
    getattr(lib, f"{kind}SetAttribute")(descriptor, attribute, ctypes.byref(value), size)
