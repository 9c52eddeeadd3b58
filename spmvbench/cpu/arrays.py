"""The host side of packing: views, row pointers, and the checks that keep kernels inside arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from spmvbench.dtypes import DTYPES, Array

_FLOAT = np.dtype(np.float32)
_BITS = {2: np.uint16, 4: np.uint32}


def bits_of(dense: Array, dtypes: Sequence[str], name: str) -> tuple[Array, Any]:
    """The matrix as unsigned bits, rows contiguous, and the mask that leaves out the sign.

    It stays where it is, on the host or on a device.
    Raises: ValueError for what is no matrix of one of these types.
    """
    require_matrix(dense, dtypes, name)
    bits = stored_bits(dense if dense.flags.c_contiguous else dense.copy())
    return bits, bits.dtype.type(np.iinfo(bits.dtype).max >> 1)


def stored_bits(values: Array) -> Array:
    """The same memory as unsigned integers: what packing and unpacking move around."""
    return values.view(_BITS[values.dtype.itemsize])


def require_matrix(dense: Array, dtypes: Sequence[str], name: str) -> None:
    """Raise ValueError, with one line, for what is no matrix of one of these types."""
    if dense.ndim != 2 or dense.dtype not in [DTYPES[dtype] for dtype in dtypes]:
        raise ValueError(
            f"{name}: got an array of {dense.dtype} and shape {dense.shape}; "
            f"expected two axes, rows and cols, of {', '.join(dtypes)}"
        )


def pointer_dtype(stored: int) -> np.dtype[np.signedinteger]:
    """The type of row pointers to that many entries: int32, or int64 above 2^31 - 1."""
    return np.dtype(np.int32 if stored <= np.iinfo(np.int32).max else np.int64)


def row_pointers(counts: Array) -> Array:
    """Where each row's entries begin, and the end. Shapes: counts (rows,), result (rows + 1,)."""
    ends = np.cumsum(counts, dtype=np.int64)
    stored = int(ends[-1]) if ends.size else 0
    pointers = np.zeros(counts.size + 1, pointer_dtype(stored))
    pointers[1:] = ends
    return pointers


def require_pointers(name: str, pointers: Array, rows: int) -> None:
    """Raise ValueError unless they begin at 0, never fall, and are as many as rows need."""
    require_size(name, "row_pointers", pointers, (rows + 1,))
    if pointers[0] != 0 or (pointers[1:] < pointers[:-1]).any():
        raise ValueError(f"{name}: row_pointers do not rise from 0; pack the matrix again")


def require_size(name: str, label: str, array: Array, shape: tuple[int, ...]) -> None:
    """Raise ValueError, with one line, unless the array has exactly this shape."""
    if array.shape != shape:
        raise ValueError(
            f"{name}: {label} has shape {array.shape}, the other arrays ask for {shape}; "
            "pack the matrix again"
        )


def require_columns(name: str, widest: int, cols: int) -> None:
    """Raise ValueError when the entries of a row reach past the matrix."""
    if widest > cols:
        raise ValueError(
            f"{name}: a row's entries reach column {widest - 1}, the matrix has {cols} columns; "
            "pack the matrix again"
        )


def checked(
    product: Callable[[Array, Array], None], shape: tuple[int, int], batch: int
) -> Callable[[Array, Array], None]:
    """The product, after making sure that x and y are what its kernel reads and writes.

    Kernels check no index; this costs each product half a microsecond.
    Raises: ValueError, with one line, in the product.
    """
    rows, cols = shape
    of_x, of_y = ((cols,), (rows,)) if batch == 1 else ((cols, batch), (rows, batch))

    def matvec(x: Array, y: Array) -> None:
        if not (x.shape == of_x and x.dtype == _FLOAT and x.flags.c_contiguous):
            raise ValueError(_unfit("x", x, of_x))
        if not (y.shape == of_y and y.dtype == _FLOAT and y.flags.c_contiguous):
            raise ValueError(_unfit("y", y, of_y))
        product(x, y)

    return matvec


def _unfit(name: str, array: Array, shape: tuple[int, ...]) -> str:
    order = "" if array.flags.c_contiguous else ", not contiguous"
    return (
        f"{name} is {array.dtype} of shape {array.shape}{order}; this product takes float32 of "
        f"shape {shape}, contiguous: np.ascontiguousarray({name}, np.float32)"
    )
