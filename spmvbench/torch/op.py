"""The product as an operator of PyTorch: torch.compile and CUDA graphs may hold it.

The operator is a pure function of tensors. What is planned for a matrix is found by the address of
its row pointers, which the matrix keeps alive: see `remember`.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any
from weakref import WeakValueDictionary

import torch

from spmvbench.api.matrix import MackoMatrix
from spmvbench.api.places import CPU, Place
from spmvbench.api.products import MOST, Products, products
from spmvbench.api.tensors import array_of, place_of, to_tensor
from spmvbench.cuda import BATCHES
from spmvbench.formats.base import Packed

Tensors = dict[str, Any]
"""The packed arrays by name."""

NAMES = ("values", "deltas", "row_pointers")

_known: WeakValueDictionary[tuple[Place, int], MackoMatrix] = WeakValueDictionary()


def packed_of(arrays: Tensors, cols: int) -> Packed:
    """The same memory, with the number of columns, which no array tells."""
    place = place_of(arrays["values"], "values")
    dtype = str(arrays["values"].dtype).removeprefix("torch.")
    shape = arrays["row_pointers"].numel() - 1, cols
    return Packed(shape, dtype, {name: array_of(arrays[name], place) for name in NAMES})


def remember(arrays: Tensors, cols: int) -> tuple[MackoMatrix, Tensors]:
    """The matrix of these arrays, checked, and the tensors by which the operator knows it.

    On the CPU these are others, as the matrix keeps a copy with room for whole vectors.
    Raises: ValueError for arrays that do not fit together.
    """
    place = place_of(arrays["values"], "values")
    with place.current(torch=True):
        matrix = MackoMatrix(packed_of(arrays, cols))
    if place == CPU:
        arrays = {name: to_tensor(array) for name, array in matrix.packed.arrays.items()}
    _known[_key(arrays["row_pointers"], place)] = matrix
    return matrix, arrays


def _key(row_pointers: Any, place: Place) -> tuple[Place, int]:
    return place, row_pointers.data_ptr()


def _products(arrays: Tensors, cols: int, place: Place) -> Products:
    """Those of a matrix that is remembered, or of these arrays for this one call."""
    matrix = _known.get(_key(arrays["row_pointers"], place))
    if matrix is not None and matrix.shape == (arrays["row_pointers"].numel() - 1, cols):
        return matrix.products
    return products(packed_of(arrays, cols), place)


def _product(values: Any, deltas: Any, row_pointers: Any, x: Any) -> Any:
    """Shapes: x (batch, cols), result (batch, rows)."""
    place = place_of(values, "values")
    batch, cols = x.shape
    y = x.new_empty((batch, row_pointers.numel() - 1))
    if batch > MOST:
        _say_that_many_are_slow()
    with place.current(torch=True):
        arrays = dict(zip(NAMES, (values, deltas, row_pointers), strict=True))
        planned = _products(arrays, cols, place)
        for first in range(0, batch, MOST):
            part = slice(first, first + MOST)
            _multiply(planned, place, x[part], y[part])
    return y


def _multiply(planned: Products, place: Place, x: Any, y: Any) -> None:
    """Write into y. Kernels want the vectors of a column together, and on a GPU some numbers only.

    All memory is PyTorch's, so that graphs may record it.
    """
    batch = len(x)
    wide = batch if place == CPU else min(b for b in BATCHES if b >= batch)
    if wide == 1:
        planned.multiply(array_of(x[0].contiguous(), place), array_of(y[0], place))
        return
    columns = x.new_zeros((x.shape[1], wide))
    columns[:, :batch] = x.t()
    sums = y.new_empty((y.shape[1], wide))
    planned.multiply(array_of(columns, place), array_of(sums, place))
    y.copy_(sums[:, :batch].t())


def _fake(values: Any, deltas: Any, row_pointers: Any, x: Any) -> Any:
    return x.new_empty((x.shape[0], row_pointers.shape[0] - 1))


@functools.cache
def _say_that_many_are_slow() -> None:
    """Once in a process."""
    warnings.warn(
        f"more than {MOST} vectors at once: they are multiplied {MOST} at a time, and the weights "
        "are read as often; for many, as in a long prompt, a dense layer is faster: "
        "Linear.to_dense()",
        stacklevel=2,
    )


product = torch.library.custom_op(
    "spmvbench::macko",
    _product,
    mutates_args=(),
    schema="(Tensor values, Tensor deltas, Tensor row_pointers, Tensor x) -> Tensor",
)
"""A x of the packed arrays. Shapes: x (batch, cols), result (batch, rows), both contiguous."""

product.register_fake(_fake)
