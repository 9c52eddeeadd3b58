"""x at scattered columns: 16 single loads, or lanes of a few registers that hold a window of x.

Hardware gathers are no help: on AMD they are microcoded, twice as slow as single loads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from llvmlite import ir
from numba.core import types
from numba.extending import overload

from spmvbench.cpu.simd.lanes import by_bit, permute, shift, widen
from spmvbench.cpu.simd.vectors import I32, I64, Vector, intrinsic, load, place
from spmvbench.dtypes import Array


def _single_loads(bits: int) -> Any:
    """16 loads from x; their indices are shifted out of words of 64 bits, not loaded singly."""

    def single(context: Any, x: Any, base: Any, indices: Any, at: Any) -> Any:
        result = Vector({types.float32: "float32", types.uint16: "float16"}[x.dtype], 16)

        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            first = place(context, builder, signature, arguments, 0, result.llvm.element)
            words = place(context, builder, signature, arguments, 2, I64)
            found = ir.Constant(result.llvm, ir.Undefined)
            for lane in range(16):
                number, low = divmod(lane * bits, 64)
                word = builder.load(builder.gep(words, [ir.Constant(I64, number)]), align=1)
                index = builder.lshr(word, ir.Constant(I64, low))
                index = builder.and_(index, ir.Constant(I64, (1 << bits) - 1))
                value = builder.load(builder.gep(first, [index]))
                found = builder.insert_element(found, value, ir.Constant(I32, lane))
            return found

        return result(x, types.int64, indices, types.int64), emit

    return intrinsic(single)


by_bytes = _single_loads(8)
by_words = _single_loads(16)


class Singly(NamedTuple):
    """x as float32, looked up by single loads."""

    x: Array


class Window64(NamedTuple):
    """x looked up in windows of 64 columns: 4 registers of float32, or 2 of float16."""

    x: Array


class Window128(NamedTuple):
    """x as float16, looked up in windows of 128 columns, 4 registers."""

    x: Array


def fetch(where: Any, base: Any, offsets: Any, at: Any, span: Any) -> Any:
    """x[base + offsets[at + k]] for 16 lanes k, as float32; for kernels only.

    `span`: the last offset, the largest. Windows begin at a multiple of their register's lanes: an
    aligned load is faster by a quarter. What does not lie in one is loaded singly.
    """
    raise NotImplementedError("fetch is for compiled kernels")


def _singly(where: Any, base: Any, offsets: Any, at: Any, span: Any) -> Any:
    return by_bytes(where.x, base, offsets, at)


def _floats_64(where: Any, base: Any, offsets: Any, at: Any, span: Any) -> Any:
    x, inside = where.x, base & 15
    if span + inside >= 64:
        return by_bytes(x, base, offsets, at)
    begin = base - inside
    index = shift(widen(load(offsets, at, 16)), inside)
    low = permute(load(x, begin, 16), index, load(x, begin + 16, 16))
    high = permute(load(x, begin + 32, 16), index, load(x, begin + 48, 16))
    return by_bit(index, 32, low, high)


def _halves_64(where: Any, base: Any, offsets: Any, at: Any, span: Any) -> Any:
    x, inside = where.x, base & 31
    if span + inside >= 64:
        return widen(by_bytes(x, base, offsets, at))
    begin = base - inside
    index = shift(widen(load(offsets, at, 16)), inside)
    return widen(permute(load(x, begin, 32), index, load(x, begin + 32, 32)))


def _halves_128(where: Any, base: Any, offsets: Any, at: Any, span: Any) -> Any:
    x, inside = where.x, base & 31
    if span + inside >= 128:
        return widen(by_bytes(x, base, offsets, at))
    begin = base - inside
    index = shift(widen(load(offsets, at, 16)), inside)
    low = permute(load(x, begin, 32), index, load(x, begin + 32, 32))
    high = permute(load(x, begin + 64, 32), index, load(x, begin + 96, 32))
    return widen(by_bit(index, 64, low, high))


def _choose(where: Any, base: Any, offsets: Any, at: Any, span: Any) -> Any:
    kind = where.instance_class
    if kind is Window64:
        return _halves_64 if where["x"].dtype == types.uint16 else _floats_64
    return _halves_128 if kind is Window128 else _singly


overload(fetch)(_choose)
