"""What x and out have to be: one line for everything else."""

from __future__ import annotations

from typing import Any

import numpy as np

from spmvbench.api.arrays import Seen, empty_like, see
from spmvbench.api.places import CPU, Place
from spmvbench.dtypes import DTYPES, Array
from spmvbench.errors import DtypeError, MatrixError

FLOATS = ("float16", "bfloat16", "float32")


def see_x(value: Any, shape: tuple[int, int], dtype: np.dtype[Any], place: Place) -> Seen:
    """The x of a product of a matrix of this shape, type and place.

    Raises: MatrixError, DtypeError.
    """
    x = see(value, "x")
    _require_place(x, "x", place)
    _require_dtype(x.array.dtype, dtype, place)
    cols = shape[1]
    if x.array.ndim not in (1, 2) or x.array.shape[0] != cols:
        raise MatrixError(
            f"x has shape {x.array.shape}; expected ({cols},) or ({cols}, batch) for a matrix of "
            f"{shape[0]} rows and {cols} cols"
        )
    _require_contiguous(x, "x", place)
    return x


def see_out(value: Any, given: Any, x: Seen, rows: int) -> tuple[Any, Seen]:
    """Where y goes, and how it is seen: `value`, or a new array like `given` where that is None.

    Raises: MatrixError, DtypeError.
    """
    shape = (rows, *x.array.shape[1:])
    if value is None:
        made = empty_like(given, x, shape)
        return made, see(made, "out")
    out = see(value, "out")
    _require_place(out, "out", x.place)
    if out.array.dtype != x.array.dtype:
        raise DtypeError(f"out is {out.array.dtype}; expected that of x, {x.array.dtype}")
    if out.array.shape != shape:
        raise MatrixError(f"out has shape {out.array.shape}; expected {shape}")
    _require_contiguous(out, "out", x.place)
    if x.place == CPU and not out.array.flags.writeable:
        raise MatrixError("out is read-only; expected an array that may be written")
    if _overlap(x.array, out.array, x.place):
        raise MatrixError("out shares memory with x, which is still read while y is written")
    return value, out


def _require_place(seen: Seen, name: str, place: Place) -> None:
    if seen.place != place:
        raise MatrixError(
            f"{name} lives on {seen.place}, the matrix on {place}; nothing is moved silently"
        )


def _require_dtype(x: np.dtype[Any], matrix: np.dtype[Any], place: Place) -> None:
    known = [DTYPES[name] for name in FLOATS] if place == CPU else [matrix]
    if x not in known:
        words = ", ".join(map(str, known))
        raise DtypeError(f"x is {x}; expected {words} on {place}: x.astype('{known[-1]}')")


def _require_contiguous(seen: Seen, name: str, place: Place) -> None:
    """On a GPU a copy would be a kernel and memory that nobody asked for."""
    if place == CPU or seen.array.flags.c_contiguous:
        return
    how = f"{name}.contiguous()" if seen.torch else f"cupy.ascontiguousarray({name})"
    raise MatrixError(f"{name} is not contiguous, C order; expected {how}")


def _overlap(x: Array, y: Array, place: Place) -> bool:
    if place == CPU:
        return np.may_share_memory(x, y)
    one, other = x.data.ptr, y.data.ptr  # type: ignore[attr-defined]
    return bool(one < other + y.nbytes and other < one + x.nbytes)
