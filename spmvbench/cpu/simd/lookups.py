"""x at scattered columns: 16 single loads, or lanes of a few registers that hold a window of x.

Hardware gathers are no help: on AMD they are microcoded, twice as slow as single loads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from llvmlite import ir
from numba.core import types
from numba.extending import overload

from spmvbench.cpu.jit import njit
from spmvbench.cpu.simd.lanes import as_words, by_bit, halves, permute, shift, shift_halves, widen
from spmvbench.cpu.simd.vectors import I32, I64, Vector, intrinsic, kind_of, load, place


def index_of(builder: Any, words: Any, bits: int, lane: int) -> Any:
    """One of 16 indices of so many bits, shifted out of words of 64 bits, not loaded singly."""
    number, low = divmod(lane * bits, 64)
    word = builder.load(builder.gep(words, [ir.Constant(I64, number)]), align=1)
    index = builder.lshr(word, ir.Constant(I64, low))
    return builder.and_(index, ir.Constant(I64, (1 << bits) - 1))


def _single_loads(bits: int) -> Any:
    """16 loads from x, by indices of so many bits."""

    def single(context: Any, x: Any, base: Any, indices: Any, at: Any) -> Any:
        result = Vector(kind_of(x), 16)

        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            first = place(context, builder, signature, arguments, 0, result.llvm.element)
            words = place(context, builder, signature, arguments, 2, I64)
            found = ir.Constant(result.llvm, ir.Undefined)
            for lane in range(16):
                index = index_of(builder, words, bits, lane)
                value = builder.load(builder.gep(first, [index]))
                found = builder.insert_element(found, value, ir.Constant(I32, lane))
            return found

        return result(x, types.int64, indices, types.int64), emit

    return intrinsic(single)


by_bytes = _single_loads(8)
by_words = _single_loads(16)


class Singly(NamedTuple):
    """x in float32 or 16 bits, looked up by single loads."""

    columns: int


class Floats64(NamedTuple):
    """x as float32, looked up in windows of so many columns, 4 registers."""

    columns: int


class Floats128(NamedTuple):
    """x as float32, looked up in windows of so many columns, 8 registers."""

    columns: int


class Pairs(NamedTuple):
    """x in 16 bits, two groups at a time looked up in a window of so many columns, 4 registers."""

    columns: int


class Halves128(NamedTuple):
    """x in 16 bits, looked up in windows of so many columns, 4 registers."""

    columns: int


class Halves256(NamedTuple):
    """x in 16 bits, looked up in windows of so many columns, 8 registers."""

    columns: int


def fetch(where: Any, x: Any, base: Any, offsets: Any, at: Any, span: Any) -> Any:
    """x[base + offsets[at + k]] for 16 lanes k, as float32; for kernels only.

    `span`: the last offset, the largest. Windows begin at a multiple of their register's lanes: an
    aligned load is faster by a quarter. What does not lie in one is looked up in a wider one or by
    single loads.
    `where`: kernels go by its type.
    """
    raise NotImplementedError("fetch is for compiled kernels")


def fetch_two(
    where: Any, x: Any, base: Any, offsets: Any, at: Any, span: Any, next_span: Any
) -> Any:
    """`fetch` for two groups in a row; for kernels only."""
    raise NotImplementedError("fetch_two is for compiled kernels")


def _singly(where: Any, x: Any, base: Any, offsets: Any, at: Any, span: Any) -> Any:
    return widen(by_bytes(x, base, offsets, at))


@njit(inline=True)
def _in_64_floats(x: Any, begin: Any, index: Any) -> Any:
    low = permute(load(x, begin, 16), index, load(x, begin + 16, 16))
    high = permute(load(x, begin + 32, 16), index, load(x, begin + 48, 16))
    return by_bit(index, 32, low, high)


def _floats_64(where: Any, x: Any, base: Any, offsets: Any, at: Any, span: Any) -> Any:
    inside = base & 15
    if span + inside >= 64:
        return by_bytes(x, base, offsets, at)
    return _in_64_floats(x, base - inside, shift(widen(load(offsets, at, 16)), inside))


def _floats_128(where: Any, x: Any, base: Any, offsets: Any, at: Any, span: Any) -> Any:
    inside = base & 15
    if span + inside >= 128:
        return by_bytes(x, base, offsets, at)
    begin, index = base - inside, shift(widen(load(offsets, at, 16)), inside)
    return by_bit(index, 64, _in_64_floats(x, begin, index), _in_64_floats(x, begin + 64, index))


@njit(inline=True)
def _in_128_halves(x: Any, begin: Any, index: Any) -> Any:
    low = permute(load(x, begin, 32), index, load(x, begin + 32, 32))
    high = permute(load(x, begin + 64, 32), index, load(x, begin + 96, 32))
    return by_bit(index, 64, low, high)


@njit(inline=True)
def _halves_256(x: Any, base: Any, offsets: Any, at: Any, span: Any) -> Any:
    inside = base & 31
    if span + inside >= 256:
        return by_bytes(x, base, offsets, at)
    begin = base - inside
    index = shift(as_words(load(offsets, at, 16)), inside)
    return by_bit(
        index, 128, _in_128_halves(x, begin, index), _in_128_halves(x, begin + 128, index)
    )


@njit(inline=True)
def _halves_128(x: Any, base: Any, offsets: Any, at: Any, span: Any) -> Any:
    inside = base & 31
    if span + inside >= 128:
        return _halves_256(x, base, offsets, at, span)
    return _in_128_halves(x, base - inside, shift(as_words(load(offsets, at, 16)), inside))


def _group_in_128(where: Any, x: Any, base: Any, offsets: Any, at: Any, span: Any) -> Any:
    return widen(_halves_128(x, base, offsets, at, span))


def _group_in_256(where: Any, x: Any, base: Any, offsets: Any, at: Any, span: Any) -> Any:
    return widen(_halves_256(x, base, offsets, at, span))


def _pairs(where: Any, x: Any, base: Any, offsets: Any, at: Any, span: Any, next_span: Any) -> Any:
    inside = base & 31
    second = base + span + 1
    if inside + span + 1 + next_span >= 128:
        low = _halves_128(x, base, offsets, at, span)
        high = _halves_128(x, second, offsets, at + 16, next_span)
        return widen(low), widen(high)
    index = as_words(load(offsets, at, 32))
    index = shift_halves(index, inside, inside + span + 1)
    low, high = halves(_in_128_halves(x, base - inside, index))
    return widen(low), widen(high)


def _one_by_one(
    where: Any, x: Any, base: Any, offsets: Any, at: Any, span: Any, next_span: Any
) -> Any:
    low = fetch(where, x, base, offsets, at, span)
    return low, fetch(where, x, base + span + 1, offsets, at + 16, next_span)


_WAYS = {
    Singly: _singly,
    Floats64: _floats_64,
    Floats128: _floats_128,
    Pairs: _group_in_128,
    Halves128: _group_in_128,
    Halves256: _group_in_256,
}


def _choose(where: Any, x: Any, base: Any, offsets: Any, at: Any, span: Any) -> Any:
    return _WAYS[where.instance_class]


def _choose_two(
    where: Any, x: Any, base: Any, offsets: Any, at: Any, span: Any, next_span: Any
) -> Any:
    return _pairs if where.instance_class is Pairs else _one_by_one


overload(fetch)(_choose)
overload(fetch_two)(_choose_two)
