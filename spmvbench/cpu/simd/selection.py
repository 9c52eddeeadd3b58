"""Some elements of memory, by a mask: what packing is made of. AVX512.

A register holds 64 bytes: 32 elements of 16 bits or 16 of 32. A lane whose bit is not set is
neither read nor written, so nothing has to be left free around an array.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types

from spmvbench.cpu.simd.lanes import chosen
from spmvbench.cpu.simd.vectors import (
    I32,
    Vector,
    call,
    constant,
    emits,
    intrinsic,
    place,
    resized,
    splat,
    vector_of,
)


@intrinsic
def lanes_of(context: Any, array: Any) -> Any:
    """`lanes_of(array)`: how many elements a register holds, a constant to LLVM."""
    lanes = vector_of(array).lanes
    return types.int64(array), emits(lambda b, a: ir.Constant(ir.IntType(64), lanes))


@intrinsic
def load_some(context: Any, array: Any, at: Any, bits: Any) -> Any:
    """`load_some(array, at, bits)`: a register of elements, zeros where no bit is set."""
    vector = vector_of(array)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source = place(context, builder, signature, arguments, 0, vector.llvm)
        mask = chosen(builder, arguments[2], vector.lanes)
        zero = ir.Constant(vector.llvm, None)
        name = f"llvm.masked.load.{_suffix(vector)}.p0"
        return call(builder, name, vector.llvm, [source, ir.Constant(I32, 1), mask, zero])

    return vector(array, types.int64, bits), emit


@intrinsic
def store_some(context: Any, array: Any, at: Any, vector: Any, bits: Any) -> Any:
    """`store_some(array, at, vector, bits)`: the lanes whose bit is set to memory."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        to = place(context, builder, signature, arguments, 0, vector.llvm)
        mask = chosen(builder, arguments[3], vector.lanes)
        given = [arguments[2], to, ir.Constant(I32, 1), mask]
        call(builder, f"llvm.masked.store.{_suffix(vector)}.p0", ir.VoidType(), given)
        return context.get_dummy_value()

    return types.void(array, types.int64, vector, bits), emit


@intrinsic
def compress(context: Any, vector: Any, bits: Any) -> Any:
    """`compress(vector, bits)`: the lanes whose bit is set, moved together."""

    def emit(builder: Any, arguments: Any) -> Any:
        given = [
            arguments[0],
            chosen(builder, arguments[1], vector.lanes),
            ir.Constant(vector.llvm, None),
        ]
        name = f"llvm.experimental.vector.compress.{_suffix(vector)}"
        return call(builder, name, vector.llvm, given)

    return vector(vector, bits), emits(emit)


@intrinsic
def where_any(context: Any, vector: Any, wanted: Any) -> Any:
    """`where_any(vector, wanted)`: bit k is set where lane k has any of the wanted bits."""

    def emit(builder: Any, arguments: Any) -> Any:
        lanes, wanted = arguments
        both = builder.and_(lanes, splat(builder, wanted, vector.lanes))
        found = builder.icmp_unsigned("!=", both, ir.Constant(vector.llvm, None))
        return resized(builder, builder.bitcast(found, ir.IntType(vector.lanes)), 64)

    return types.uint64(vector, wanted), emits(emit)


@intrinsic
def columns_from(context: Any, first: Any, array: Any) -> Any:
    """`columns_from(first, array)`: first, first + 1 ... as uint16, as many as lanes of the array.

    Beyond 65535 they begin anew, and differences stay right.
    """
    columns = Vector("uint16", vector_of(array).lanes)

    def emit(builder: Any, arguments: Any) -> Any:
        start = splat(builder, resized(builder, arguments[0], 16), columns.lanes)
        return builder.add(start, constant(columns.llvm, range(columns.lanes)))

    return columns(types.int64, array), emits(emit)


def _suffix(vector: Vector) -> str:
    return f"v{vector.lanes}i{vector.llvm.element.width}"
