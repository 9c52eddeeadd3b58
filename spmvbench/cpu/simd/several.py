"""Several vectors at once: an unpacked value is used for each of them, up to 8.

How many there are, a kernel has to know when it is compiled (`vectors`). It is 2, 4 or 8; vectors
that are too many are zeros.

Formats that have 16 values of neighbouring columns in a register (`outer`) read x as it is for one
vector, a row of it for each. Formats that have a column for each value (`add_by_bytes`,
`add_by_words`) read it as it comes, all vectors of a column together:

    value        v0 v0 v0 v0 v1 v1 v1 v1 v2 ...      the values of 4 entries, 4 vectors
    x            x[c0, 0..4] x[c1, 0..4] x[c2, ...   4 loads, one register
    sums         s0 s1 s2 s3 s0 s1 s2 s3 s0 ...      folded at the row's end
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.types.containers import UniTuple

from spmvbench.cpu.jit import njit
from spmvbench.cpu.simd import room
from spmvbench.cpu.simd.dispatch import MOST
from spmvbench.cpu.simd.lanes import reduced
from spmvbench.cpu.simd.lookups import index_of
from spmvbench.cpu.simd.vectors import (
    FLOAT,
    I64,
    Vector,
    call,
    constant,
    intrinsic,
    place,
    shuffle,
)
from spmvbench.dtypes import Array
from spmvbench.formats.base import Target


def vectors(batch: int) -> Array:
    """Nothing, in an array of 1, 2 or 3 axes for 2, 4 or 8 vectors: a kernel knows how many axes.

    A tuple would say it too, but Numba hands no tuple inside another one on to its threads.
    """
    axes = (min(batch, MOST) - 1).bit_length()
    return np.zeros((0,) * axes, np.uint8)


def rows_of_x(device: Target, cols: int) -> Array:
    """A buffer for x, a row for each vector. Shape: (vectors, columns and room around)."""
    return _zeros(device, (_count(device), room.BEFORE + cols + room.BEHIND))


def columns_of_x(device: Target, cols: int) -> Array:
    """A buffer for x, all vectors of a column together. Shape: (columns and room, vectors)."""
    return _zeros(device, (room.BEFORE + cols + room.BEHIND, _count(device)))


def _count(device: Target) -> int:
    return 1 << vectors(device.batch).ndim


def _zeros(device: Target, shape: tuple[int, int]) -> Array:
    buffer = device.empty(shape, "float32")
    buffer[:] = 0
    return buffer


@njit(inline=True)
def take_rows(x: Array, floats: Array) -> None:
    """Copy x (cols, batch) into its buffer, a row for each vector; others stay or become zeros."""
    for j in range(floats.shape[0]):
        for i in range(x.shape[0]):
            floats[j, room.BEFORE + i] = x[i, j] if j < x.shape[1] else 0


@njit(inline=True)
def take_columns(x: Array, floats: Array) -> None:
    """Copy x (cols, batch) into its buffer, all vectors of a column together."""
    for i in range(x.shape[0]):
        for j in range(floats.shape[1]):
            floats[room.BEFORE + i, j] = x[i, j] if j < x.shape[1] else 0


@intrinsic
def start(context: Any, rows: Any, lanes: Any, vectors: Any) -> Any:
    """`start(rows, lanes, vectors)`: sums of so many rows, zeros, as `outer` takes them."""
    sums = UniTuple(Vector("float32", lanes.literal_value), rows.literal_value << vectors.ndim)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        zero = constant(sums.dtype.llvm, 0.0)
        return context.make_tuple(builder, sums, [zero] * sums.count)

    return sums(rows, lanes, vectors), emit


@intrinsic
def outer(context: Any, values: Any, x: Any, at: Any, stride: Any, sums: Any) -> Any:
    """`outer(values, x, at, stride, sums)`: add each row's values times each vector's x.

    Shapes: values, a vector per row of A; x of vector j begins at + j stride; sums, row by row.
    """
    lanes, count = sums.dtype, sums.count // values.count

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows, _, at, stride, before = arguments
        after = [None] * sums.count
        for j in range(count):
            given = [arguments[1], builder.add(at, builder.mul(stride, ir.Constant(I64, j)))]
            kinds = types.void(x, types.int64)
            x_j = builder.load(place(context, builder, kinds, given, 0, lanes.llvm), align=1)
            for row in range(values.count):
                i = row * count + j
                factors = [builder.extract_value(rows, row), x_j, builder.extract_value(before, i)]
                after[i] = call(builder, f"llvm.fma.v{lanes.lanes}f32", lanes.llvm, factors)
        return context.make_tuple(builder, sums, after)

    return sums(values, x, types.int64, types.int64, sums), emit


@intrinsic
def totals(context: Any, sums: Any, row: Any, rows: Any) -> Any:
    """`totals(sums, row, rows)`: for each vector the sum of the lanes of one row, of so many."""
    count = sums.count // rows.literal_value
    result = UniTuple(types.float32, count)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        first = row.literal_value * count
        lanes = [builder.extract_value(arguments[0], first + j) for j in range(count)]
        return context.make_tuple(builder, result, [reduced(builder, each) for each in lanes])

    return result(sums, row, rows), emit


@intrinsic
def start_entries(context: Any, vectors: Any) -> Any:
    """`start_entries(vectors)`: sums, zeros, as `add_by_bytes` and `add_by_words` take them.

    Two of 4 entries each: one alone would wait for its own additions.
    """
    sums = UniTuple(Vector("float32", 4 << vectors.ndim), 2)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.make_tuple(builder, sums, [constant(sums.dtype.llvm, 0.0)] * 2)

    return sums(vectors), emit


def _entries(bits: int) -> Any:
    """Adds the products of 16 values, their columns shifted out of words of 64 bits."""

    def add(context: Any, values: Any, x: Any, base: Any, indices: Any, at: Any, sums: Any) -> Any:
        count = sums.dtype.lanes // 4
        several = ir.VectorType(FLOAT, count)

        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kinds = types.void(x, types.int64)
            base = builder.mul(arguments[2], ir.Constant(I64, count))
            first = place(context, builder, kinds, [arguments[1], base], 0, several)
            words = place(context, builder, signature, arguments, 3, I64)
            after = [builder.extract_value(arguments[5], i) for i in range(2)]
            for four in range(4):
                lanes = range(4 * four, 4 * four + 4)
                found = [_x_of(builder, first, words, bits, lane) for lane in lanes]
                while len(found) > 1:
                    width = 2 * found[0].type.count
                    pairs = zip(found[::2], found[1::2], strict=True)
                    found = [shuffle(builder, a, b, range(width)) for a, b in pairs]
                each = [lane for lane in lanes for _ in range(count)]
                value = shuffle(builder, arguments[0], arguments[0], each)
                name, kind = f"llvm.fma.v{4 * count}f32", sums.dtype.llvm
                after[four % 2] = call(builder, name, kind, [value, found[0], after[four % 2]])
            return context.make_tuple(builder, sums, after)

        return sums(values, x, types.int64, indices, types.int64, sums), emit

    return intrinsic(add)


def _x_of(builder: Any, first: Any, words: Any, bits: int, lane: int) -> Any:
    """All vectors' x at the column of an entry."""
    index = index_of(builder, words, bits, lane)
    return builder.load(builder.gep(first, [index]), align=4)


add_by_bytes = _entries(8)
add_by_words = _entries(16)


@intrinsic
def entry_totals(context: Any, sums: Any) -> Any:
    """`entry_totals(sums)`: for each vector the sum of what `add_by_bytes` or `_words` added."""
    count = sums.dtype.lanes // 4
    result = UniTuple(types.float32, count)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = builder.fadd(*(builder.extract_value(arguments[0], i) for i in range(2)))
        for width in (2 * count, count):
            low = shuffle(builder, lanes, lanes, range(width))
            lanes = builder.fadd(low, shuffle(builder, lanes, lanes, range(width, 2 * width)))
        each = [builder.extract_element(lanes, ir.Constant(I64, j)) for j in range(count)]
        return context.make_tuple(builder, result, each)

    return result(sums), emit


@njit(inline=True)
def put(y: Array, row: Any, found: Any) -> None:
    """Write a row of y, as many of the totals as it has columns."""
    for j in range(y.shape[1]):
        y[row, j] = found[j]
