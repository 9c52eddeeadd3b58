"""What users hand over, whichever library made it: its memory as an array of NumPy or CuPy."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from spmvbench.api.places import CPU, Place, import_cupy
from spmvbench.api.tensors import array_of, is_tensor, place_of, require_plain
from spmvbench.dtypes import Array
from spmvbench.errors import DtypeError, MatrixError

_HOST, _CUDA = (1, 3), (2, 13)
"""Device types of DLPack: memory that the CPU reads (3 is pinned), and memory of a GPU."""


@dataclass(frozen=True)
class Seen:
    """An argument: its memory as `array`, where that is, and whether it is a tensor of PyTorch."""

    array: Array
    place: Place
    torch: bool = False


def see(value: Any, name: str) -> Seen:
    """The argument's memory; nothing is copied.

    Raises: DtypeError for what is no array, MatrixError for one in a place without kernels.
    """
    if isinstance(value, np.ndarray):
        return Seen(value, CPU)
    if is_tensor(value):
        require_plain(value, name)
        place = place_of(value, name)
        return Seen(array_of(value, place), place, torch=True)
    cupy = sys.modules.get("cupy")
    if cupy is not None and isinstance(value, cupy.ndarray):
        return Seen(value, Place("cuda", value.device.id))
    if not hasattr(value, "__dlpack_device__"):
        raise DtypeError(
            f"{name} is a {type(value).__name__}; expected an array of NumPy, CuPy, PyTorch or "
            f"another library with DLPack: np.asarray({name}, np.float32)"
        )
    return _see_dlpack(value, name)


def empty_like(value: Any, seen: Seen, shape: tuple[int, ...]) -> Any:
    """A new array of `value`'s type and library, where it lives; `seen` is how it is seen.

    Of a library that is only known by DLPack: an array of NumPy or CuPy.
    """
    if seen.torch:
        return value.new_empty(shape)
    library = np if seen.place == CPU else import_cupy()
    return library.empty(shape, seen.array.dtype)


def to_host(array: Array) -> Array:
    """NumPy's array of the same values: itself, or a copy of what a GPU has."""
    if isinstance(array, np.ndarray):
        return array
    return array.get()


def _see_dlpack(value: Any, name: str) -> Seen:
    kind, index = value.__dlpack_device__()
    if int(kind) in _HOST:
        try:
            return Seen(np.from_dlpack(value), CPU)
        except (RuntimeError, BufferError) as error:
            raise DtypeError(f"{name}: NumPy does not take this array: {error}") from error
    if int(kind) not in _CUDA:
        raise MatrixError(
            f"{name} lives on a device of DLPack's type {int(kind)}; expected the CPU or CUDA"
        )
    return Seen(import_cupy().from_dlpack(value), Place("cuda", int(index)))
