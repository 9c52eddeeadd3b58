"""What kernels do with vectors: widen, multiply and add, keep some lanes, expand, compress."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.types.containers import UniTuple

from spmvbench.cpu.simd.vectors import (
    FLOAT,
    I64,
    Vector,
    call,
    constant,
    emits,
    intrinsic,
    kind_of,
    resized,
    shuffle,
    splat,
)


@intrinsic
def zeros(context: Any, lanes: Any) -> Any:
    """`zeros(lanes)`: float32 zeros."""
    vector = Vector("float32", lanes.literal_value)
    return vector(lanes), emits(lambda b, a: constant(vector.llvm, 0.0))


@intrinsic
def fma(context: Any, x: Any, y: Any, sums: Any) -> Any:
    """`fma(x, y, sums)`: x y + sums, rounded once."""
    name = f"llvm.fma.v{x.lanes}f32"
    return x(x, y, sums), emits(lambda b, a: call(b, name, x.llvm, a))


@intrinsic
def add(context: Any, x: Any, y: Any) -> Any:
    """`add(x, y)`, float32."""
    return x(x, y), emits(lambda b, a: b.fadd(*a))


@intrinsic
def total(context: Any, x: Any) -> Any:
    """`total(x)`: the sum of all lanes, in any order."""
    return types.float32(x), emits(lambda b, a: reduced(b, a[0]))


def reduced(builder: Any, lanes: Any) -> Any:
    """The sum of all lanes, in any order."""
    name = f"llvm.vector.reduce.fadd.v{lanes.type.count}f32"
    kind = ir.FunctionType(FLOAT, [FLOAT, lanes.type])
    function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    return builder.call(function, [ir.Constant(FLOAT, -0.0), lanes], fastmath=("reassoc",))


@intrinsic
def widen(context: Any, x: Any) -> Any:
    """`widen(x)`: float32, exactly, int8 too; but uint8 becomes uint32, as indices are."""
    wide = Vector("uint32" if x.kind == "uint8" else "float32", x.lanes)

    def emit(builder: Any, arguments: Any) -> Any:
        (bits,) = arguments
        if x.kind == "float32":
            return bits
        if x.kind == "float16":
            half = builder.bitcast(bits, ir.VectorType(ir.HalfType(), x.lanes))
            return builder.fpext(half, wide.llvm)
        if x.kind == "int8":
            whole = builder.sext(bits, ir.VectorType(ir.IntType(32), x.lanes))
            return builder.sitofp(whole, wide.llvm)
        whole = builder.zext(bits, ir.VectorType(ir.IntType(32), x.lanes))
        if x.kind == "uint8":
            return whole
        return builder.bitcast(builder.shl(whole, constant(whole.type, 16)), wide.llvm)

    return wide(x), emits(emit)


@intrinsic
def narrow(context: Any, x: Any, array: Any) -> Any:
    """`narrow(x, array)`: float32 as the 16-bit floats of an array, if it is one of them."""
    short = Vector(kind_of(array), x.lanes)

    def emit(builder: Any, arguments: Any) -> Any:
        lanes = arguments[0]
        if short.kind == "bfloat16":
            bits = builder.bitcast(lanes, ir.VectorType(ir.IntType(32), x.lanes))
            return builder.trunc(builder.lshr(bits, constant(bits.type, 16)), short.llvm)
        half = builder.fptrunc(lanes, ir.VectorType(ir.HalfType(), x.lanes))
        return builder.bitcast(half, short.llvm)

    return short(x, array), emits(emit)


@intrinsic
def differ(context: Any, x: Any, y: Any) -> Any:
    """`differ(x, y)`: whether any lane of two float32 vectors differs, or is NaN."""

    def emit(builder: Any, arguments: Any) -> Any:
        lanes = builder.fcmp_unordered("!=", *arguments)
        return builder.zext(builder.bitcast(lanes, ir.IntType(x.lanes)), I64)

    return types.uint64(x, y), emits(emit)


def chosen(builder: Any, bits: Any, lanes: int) -> Any:
    """The lowest bits of an integer as a mask of lanes."""
    return builder.bitcast(resized(builder, bits, lanes), ir.VectorType(ir.IntType(1), lanes))


@intrinsic
def keep(context: Any, x: Any, bits: Any) -> Any:
    """`keep(x, bits)`: the lanes whose bit is set, zeros elsewhere."""

    def emit(builder: Any, arguments: Any) -> Any:
        vector, which = arguments
        zero = ir.Constant(vector.type, None)
        return builder.select(chosen(builder, which, x.lanes), vector, zero)

    return x(x, bits), emits(emit)


@intrinsic
def expand(context: Any, x: Any, bits: Any) -> Any:
    """`expand(x, bits)`: the first lanes, in order, to the lanes whose bit is set. AVX512.

    `llvm.arithmetic.fence` keeps LLVM from folding a load into it: that form is microcoded.
    """
    name = "f32" if x.kind == "float32" else "i16"

    def emit(builder: Any, arguments: Any) -> Any:
        vector, which = arguments
        floats = ir.VectorType(FLOAT, x.lanes if x.kind == "float32" else x.lanes // 2)
        fence = f"llvm.arithmetic.fence.v{floats.count}f32"
        fenced = call(builder, fence, floats, [builder.bitcast(vector, floats)])
        mask = chosen(builder, which, x.lanes)
        given = [builder.bitcast(fenced, x.llvm), ir.Constant(x.llvm, None), mask]
        return call(builder, f"llvm.x86.avx512.mask.expand.v{x.lanes}{name}", x.llvm, given)

    return x(x, bits), emits(emit)


@intrinsic
def shift(context: Any, x: Any, by: Any) -> Any:
    """`shift(x, by)`: an integer added to each lane."""
    width = x.llvm.element.width
    return x(x, by), emits(lambda b, a: b.add(a[0], splat(b, resized(b, a[1], width), x.lanes)))


@intrinsic
def shift_right(context: Any, x: Any, by: Any) -> Any:
    """`shift_right(x, by)`: unsigned lanes without their lowest bits."""
    width = x.llvm.element.width
    return x(x, by), emits(lambda b, a: b.lshr(a[0], splat(b, resized(b, a[1], width), x.lanes)))


@intrinsic
def permute(context: Any, low: Any, index: Any, high: Any) -> Any:
    """`permute(low, index, high)`: lanes of two registers of 64 bytes, by index. AVX512.

    The index has lanes as wide as theirs; of 16-bit lanes it may be half a register, and so is the
    result.
    """
    words = low.kind != "float32"
    name = "llvm.x86.avx512.vpermi2var." + ("hi.512" if words else "ps.512")
    result = Vector(low.kind, index.lanes)

    def emit(builder: Any, arguments: Any) -> Any:
        first, order, second = arguments
        order = resized_to(builder, order, low.lanes)
        got = call(builder, name, low.llvm, [first, order, second])
        return resized_to(builder, got, index.lanes)

    return result(low, index, high), emits(emit)


def resized_to(builder: Any, vector: Any, lanes: int) -> Any:
    """The first lanes, or more of them with nothing in particular: no instruction at all."""
    count = vector.type.count
    if count == lanes:
        return vector
    undefined = ir.Constant(vector.type, ir.Undefined)
    return shuffle(builder, vector, undefined, [min(i, count) for i in range(lanes)])


@intrinsic
def halves(context: Any, x: Any) -> Any:
    """`halves(x)`: the lower and the upper half of the lanes."""
    half = Vector(x.kind, x.lanes // 2)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        (whole,) = arguments
        parts = [shuffle(builder, whole, whole, range(i, i + half.lanes)) for i in (0, half.lanes)]
        return context.make_tuple(builder, signature.return_type, parts)

    return UniTuple(half, 2)(x), emit


@intrinsic
def shift_halves(context: Any, x: Any, low: Any, high: Any) -> Any:
    """`shift_halves(x, low, high)`: an integer added to the lower lanes, another to the upper."""
    width, lanes = x.llvm.element.width, x.lanes

    def emit(builder: Any, arguments: Any) -> Any:
        vector, *both = arguments
        low, high = (splat(builder, resized(builder, each, width), lanes) for each in both)
        by = shuffle(builder, low, high, [i if i < lanes // 2 else lanes + i for i in range(lanes)])
        return builder.add(vector, by)

    return x(x, low, high), emits(emit)


@intrinsic
def as_words(context: Any, x: Any) -> Any:
    """`as_words(x)`: bytes as uint16."""
    wide = Vector("uint16", x.lanes)
    return wide(x), emits(lambda b, a: b.zext(a[0], wide.llvm))


@intrinsic
def by_bit(context: Any, index: Any, bit: Any, without: Any, having: Any) -> Any:
    """`by_bit(index, bit, without, having)`: lanes of one or the other, by a bit of the index."""

    def emit(builder: Any, arguments: Any) -> Any:
        order, _, clear, set_ = arguments
        found = builder.and_(order, constant(order.type, bit.literal_value))
        return builder.select(
            builder.icmp_unsigned("!=", found, ir.Constant(order.type, None)), set_, clear
        )

    return without(index, bit, without, having), emits(emit)
