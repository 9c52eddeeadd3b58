"""What kernels do with vectors: widen, multiply and add, keep some lanes, expand, compress."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types

from spmvbench.cpu.simd.vectors import (
    BYTE,
    FLOAT,
    I64,
    Vector,
    call,
    constant,
    emits,
    intrinsic,
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

    def emit(builder: Any, arguments: Any) -> Any:
        name = f"llvm.vector.reduce.fadd.v{x.lanes}f32"
        kind = ir.FunctionType(FLOAT, [FLOAT, x.llvm])
        function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        zero = ir.Constant(FLOAT, -0.0)
        return builder.call(function, [zero, arguments[0]], fastmath=("reassoc",))

    return types.float32(x), emits(emit)


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
def narrow(context: Any, x: Any) -> Any:
    """`narrow(x)`: float32 rounded to the nearest float16."""
    short = Vector("float16", x.lanes)

    def emit(builder: Any, arguments: Any) -> Any:
        half = builder.fptrunc(arguments[0], ir.VectorType(ir.HalfType(), x.lanes))
        return builder.bitcast(half, short.llvm)

    return short(x), emits(emit)


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
def positions(context: Any, word: Any) -> Any:
    """`positions(word)`: where the first 16 bits of a uint64 are set, as uint32. AVX512."""
    found = Vector("uint32", 16)

    def emit(builder: Any, arguments: Any) -> Any:
        bytes_ = ir.VectorType(BYTE, 64)
        given = [
            constant(bytes_, range(64)),
            chosen(builder, arguments[0], 64),
            ir.Constant(bytes_, None),
        ]
        packed = call(builder, "llvm.experimental.vector.compress.v64i8", bytes_, given)
        return builder.zext(shuffle(builder, packed, packed, range(16)), found.llvm)

    return found(word), emits(emit)


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


_SIGNED = range(-8, 8)
"""What a nibble stands for: itself less 8."""


@intrinsic
def nibbles_by_table(context: Any, words: Any) -> Any:
    """`nibbles_by_table(words)`: the lowest nibble of 16 uint32, less 8, as float32. AVX512.

    `vpermps` looks at the lowest 4 bits of an index only, so nothing has to be masked. LLVM makes
    `vpermd` of it, the same for integers, because the index is one.
    """
    found = Vector("float32", 16)

    def emit(builder: Any, arguments: Any) -> Any:
        table = constant(found.llvm, [float(value) for value in _SIGNED])
        name = "llvm.x86.avx512.permvar.sf.512"
        return call(builder, name, found.llvm, [table, arguments[0]])

    return found(words), emits(emit)


@intrinsic
def nibbles(context: Any, words: Any) -> Any:
    """`nibbles(words)`: the lowest nibble of each uint32, less 8, as float32."""
    found = Vector("float32", words.lanes)

    def emit(builder: Any, arguments: Any) -> Any:
        (bits,) = arguments
        codes = builder.and_(bits, constant(bits.type, 15))
        return builder.sitofp(builder.sub(codes, constant(bits.type, 8)), found.llvm)

    return found(words), emits(emit)


@intrinsic
def permute(context: Any, low: Any, index: Any, high: Any) -> Any:
    """`permute(low, index, high)`: lanes of two registers of 64 bytes, by index. AVX512.

    Shapes: index has 16 lanes; of 16-bit lanes only the first 16 come out.
    """
    words = low.kind != "float32"
    name = "llvm.x86.avx512.vpermi2var." + ("hi.512" if words else "ps.512")
    result = Vector(low.kind, 16)

    def emit(builder: Any, arguments: Any) -> Any:
        first, order, second = arguments
        if words:
            short = builder.trunc(order, ir.VectorType(ir.IntType(16), 16))
            order = shuffle(builder, short, short, [*range(16)] * 2)
        got = call(builder, name, low.llvm, [first, order, second])
        return shuffle(builder, got, got, range(16)) if words else got

    return result(low, index, high), emits(emit)


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
