"""A matrix packed as MACKO, and its products, on the CPU or a GPU."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from spmvbench.api.arrays import see, to_host
from spmvbench.api.places import CPU, Place, import_cupy
from spmvbench.api.products import products
from spmvbench.api.vectors import FLOATS, see_out, see_x
from spmvbench.devices.cupy_there import working_cupy
from spmvbench.dtypes import DTYPES, Array
from spmvbench.errors import DtypeError, MatrixError
from spmvbench.formats.base import Packed
from spmvbench.formats.macko import Macko

BITS = {2: np.uint16, 4: np.uint32}


def macko(matrix: Any) -> MackoMatrix:
    """Pack a matrix; it stays where it is, on the CPU or a GPU. Zeros go, all else stays exact.

    `matrix`: (rows, cols) of float16, bfloat16 or float32, in any memory order: an array of NumPy
    or CuPy, a tensor of PyTorch, anything else with DLPack, or a sparse matrix of scipy.sparse or
    cupyx.scipy.sparse. Packing runs on the CPU.
    Raises: DtypeError, MatrixError, each with one line.
    """
    if hasattr(matrix, "toarray"):
        matrix = matrix.toarray()
    elif hasattr(matrix, "detach"):
        matrix = matrix.detach()
    seen = see(matrix, "matrix")
    array, place = seen.array, seen.place
    if str(array.dtype) not in FLOATS:
        raise DtypeError(
            f"matrix is {array.dtype}; expected {', '.join(FLOATS)}: matrix.astype(np.float32)"
        )
    if array.ndim != 2:
        raise MatrixError(
            f"matrix has shape {tuple(array.shape)}; expected two axes, rows and cols"
        )
    with place.current(torch=seen.torch):
        return MackoMatrix(moved(Macko().pack(to_host(array)), place))


class MackoMatrix:
    """A packed matrix, which does not change; `A @ x` multiplies, as `matvec` does."""

    ndim = 2
    __array_ufunc__ = None  # so that NumPy leaves `array @ A` alone, for which there is no kernel

    def __init__(self, packed: Packed) -> None:
        """Of arrays that `packed` of another one gave, where they are: NumPy's or CuPy's.

        Raises: ValueError for arrays that do not fit together.
        """
        self._place = see(packed.arrays["values"], "values").place
        if self._place != CPU:
            working_cupy()
        Macko().require_sound(on_host(packed))
        self.products = products(packed, self._place)

    @property
    def packed(self) -> Packed:
        """The arrays, where they live: `values`, `deltas`, `row_pointers`; see docs/formats.md."""
        return self.products.packed

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, cols)"""
        return self.packed.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values: float16, bfloat16 (of ml_dtypes) or float32."""
        return DTYPES[self.packed.dtype]

    @property
    def device(self) -> str:
        """`cpu`, `cuda:0`."""
        return str(self._place)

    @cached_property
    def nnz(self) -> int:
        """How many elements are not zero; zeros that MACKO stores do not count."""
        bits = self.packed.arrays["values"].view(BITS[self.dtype.itemsize])
        with self._place.current(torch=False):
            return int((bits != 0).sum())

    @property
    def density(self) -> float:
        """The share of elements that are not zero; of a matrix without any, 0."""
        return self.nnz / max(self.shape[0] * self.shape[1], 1)

    @property
    def nbytes(self) -> int:
        """Bytes of the packed arrays."""
        return self.packed.nbytes

    @property
    def dense_nbytes(self) -> int:
        """Bytes of the same matrix as a dense array."""
        return self.shape[0] * self.shape[1] * self.dtype.itemsize

    def matvec(self, x: Any, out: Any = None) -> Any:
        """A x, in the type, the place and the library of x; sums are float32 and rounded once.

        `out`: written and given back. On a GPU nothing is allocated with it, and nothing waits:
        the product is queued on the current stream of CuPy, for tensors on that of PyTorch.
        Shapes: x (cols,), result (rows,); or (cols, batch) and (rows, batch), any batch.
        Raises: DtypeError, MatrixError, each with one line.
        """
        seen = see_x(x, self.shape, self.dtype, self._place)
        with self._place.current(torch=seen.torch):
            y, into = see_out(out, x, seen, self.shape[0])
            self.products.multiply(seen.array, into.array)
        return y

    def __matmul__(self, x: Any) -> Any:
        """See `matvec`."""
        return self.matvec(x)

    def to(self, device: str) -> MackoMatrix:
        """The same matrix on `cpu`, `cuda` or `cuda:1`; itself where that is where it lives."""
        place = Place.named(device)
        if place == self._place:
            return self
        return MackoMatrix(moved(on_host(self.packed), place))

    def to_dense(self) -> Array:
        """The matrix that was packed, -0.0 as 0.0: an array of NumPy, or on a GPU of CuPy."""
        dense = Macko().unpack(on_host(self.packed))
        if self._place == CPU:
            return dense
        with self._place.current(torch=False):
            there: Array = import_cupy().asarray(dense)
            return there

    def as_linear_operator(self) -> Any:
        """A `LinearOperator` of scipy.sparse.linalg, on a GPU of cupyx's; see docs/api.md."""
        from spmvbench.api.operator import linear_operator

        return linear_operator(self, self._place)

    def __repr__(self) -> str:
        """Shape, type, place, and the size against dense."""
        rows, cols = self.shape
        share = self.nbytes / max(self.dense_nbytes, 1)
        return (
            f"<MackoMatrix {rows} x {cols} {self.dtype} on {self.device}, density "
            f"{self.density:.3g}: {_size(self.nbytes)}, {100 * share:.1f} % of dense>"
        )

    def __reduce__(self) -> Any:
        """For pickle and copy: the packed arrays, and plans made anew."""
        return MackoMatrix, (self.packed,)


def on_host(packed: Packed) -> Packed:
    """The same with NumPy's arrays."""
    return replace(packed, arrays={n: to_host(array) for n, array in packed.arrays.items()})


def moved(packed: Packed, place: Place) -> Packed:
    """Host arrays in that place."""
    if place == CPU:
        return packed
    with place.current(torch=False):
        cupy = import_cupy()
        there = replace(packed, arrays={n: cupy.asarray(a) for n, a in packed.arrays.items()})
        cupy.cuda.get_current_stream().synchronize()  # products may be on another stream
        return there


def _size(nbytes: int) -> str:
    """`21.3 MB`; 10^6 bytes."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if nbytes >= unit:
            return f"{nbytes / unit:.3g} {name}"
    return f"{nbytes} bytes"
