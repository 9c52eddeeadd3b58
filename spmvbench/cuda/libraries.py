"""NVIDIA's shared libraries, called through ctypes. Importing this loads nothing."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import weakref
from collections.abc import Mapping
from functools import cache
from typing import Any

from spmvbench.dtypes import Array
from spmvbench.formats.base import MatVec

SONAMES = {
    "cublas": ("libcublas.so.13", "libcublas.so.12"),
    "cublasLt": ("libcublasLt.so.13", "libcublasLt.so.12"),
    "cusparse": ("libcusparse.so.12",),
}
"""Newest first. cuSPARSE kept its number from CUDA 12 to CUDA 13."""

INSTALL = "pip install 'spmvbench[cuda13]', with a driver of CUDA 12 'spmvbench[cuda12]'"

DATA_TYPES = {"float32": 0, "float16": 2, "bfloat16": 14}
"""cudaDataType of library_types.h."""

_LETTERS = {
    "i": ctypes.c_int,
    "l": ctypes.c_int64,
    "z": ctypes.c_size_t,
    "p": ctypes.c_void_p,
}


class LibraryError(RuntimeError):
    """A library that is not there, lacks a function, or answers with a status of failure."""


class NotSupported(LibraryError):
    """The library, or this GPU, has no such product of these types."""


class Library:
    """A library whose functions are attributes and check their status themselves.

    `signatures`: the arguments of each function, a letter each: i int, l int64, z size_t, p
    pointer; spaces count for nothing. `namer`: its function that gives the name of a status.
    """

    def __init__(self, name: str, signatures: Mapping[str, str], namer: str) -> None:
        """Load it. Raises: LibraryError."""
        self._cdll, self._soname, self._signatures = load(name), SONAMES[name][0], signatures
        self._namer = self._found(namer)
        self._namer.restype = ctypes.c_char_p

    def __getattr__(self, name: str) -> Any:
        """The function. Raises: LibraryError for one that this version does not have."""
        function = self._found(name)
        function.argtypes = [_LETTERS[i] for i in self._signatures[name].replace(" ", "")]
        function.errcheck = self._check
        setattr(self, name, function)
        return function

    def has(self, name: str) -> bool:
        """Whether this version has the function."""
        return hasattr(self._cdll, name)

    def _found(self, name: str) -> Any:
        try:
            return self._cdll[name]
        except AttributeError:
            raise LibraryError(
                f"{self._soname} has no {name}, expected CUDA 12 or newer; {INSTALL}"
            ) from None

    def _check(self, status: int, function: Any, _arguments: object) -> int:
        if status == 0:
            return status
        name = (self._namer(status) or b"unknown status").decode()
        text = f"{function.__name__} failed: {name} ({status})"
        if name.endswith("_ALLOC_FAILED"):
            raise MemoryError(text)
        refused = name.endswith(("_NOT_SUPPORTED", "_ARCH_MISMATCH"))
        raise (NotSupported if refused else LibraryError)(text)


@cache
def load(name: str) -> ctypes.CDLL:
    """The library: NVIDIA's wheel, then the system. Raises: LibraryError."""
    try:
        from cuda.pathfinder import DynamicLibNotFoundError, load_nvidia_dynamic_lib
    except ImportError:
        return _by_soname(name)
    try:
        return ctypes.CDLL(load_nvidia_dynamic_lib(name).abs_path)
    except DynamicLibNotFoundError:
        raise LibraryError(f"{SONAMES[name][0]} was not found") from None
    except (RuntimeError, OSError) as error:
        raise LibraryError(f"{SONAMES[name][0]} cannot be loaded: {error}") from None


def _by_soname(name: str) -> ctypes.CDLL:
    for soname in SONAMES[name]:
        with contextlib.suppress(OSError):
            return ctypes.CDLL(soname)
    raise LibraryError(f"{SONAMES[name][0]} was not found")


@cache
def missing(name: str) -> str | None:
    """Why products by a library cannot run here, and the cure, in one line; else None.

    Imports no CuPy; loads the library where CuPy is installed, once.
    """
    if importlib.util.find_spec("cupy") is None:
        return f"CuPy is not installed; {INSTALL}"
    try:
        load(name)
    except LibraryError as error:
        return f"{error}; {INSTALL}"
    return None


def versions() -> dict[str, str]:
    """The versions of cuBLAS and cuSPARSE as they say themselves, of those that are there."""
    found = {}
    for name in ("cublas", "cusparse"):
        with contextlib.suppress(LibraryError, AttributeError):
            ask, part = load(name)[f"{name}GetProperty"], ctypes.c_int()
            parts = [part.value for which in range(3) if ask(which, ctypes.byref(part)) == 0]
            found[name] = ".".join(map(str, parts))
    return found


def address(what: str, array: Any, shape: tuple[int, ...], dtype: str) -> int:
    """Where the bytes of a device array begin. Raises: ValueError where it is another array."""
    if array.shape != shape or array.dtype != dtype or not array.flags.c_contiguous:
        order = "" if array.flags.c_contiguous else ", not in C order"
        raise ValueError(
            f"{what} is {array.dtype} {array.shape}{order}, expected {dtype} {shape} in C order"
        )
    return int(array.data.ptr)


def vector_shapes(shape: tuple[int, int], batch: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shapes of x and y."""
    rows, cols = shape
    return ((cols,), (rows,)) if batch == 1 else ((cols, batch), (rows, batch))


def free_with(matvec: MatVec, made: contextlib.ExitStack, *kept: object) -> None:
    """Free what a plan has made when its product goes, and keep the rest until then.

    Not at the end of the process, when the library may be gone.
    """
    weakref.finalize(matvec, _free, made.pop_all(), kept).atexit = False


def _free(made: contextlib.ExitStack, _kept: tuple[object, ...]) -> None:
    made.close()


def nothing(x: Array, y: Array) -> None:
    """The product of a matrix without entries, which the libraries refuse or leave unwritten."""
    y.fill(0)
