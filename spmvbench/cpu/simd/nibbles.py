"""Nibbles of words as the integers they stand for, -8 to 7."""

from __future__ import annotations

from typing import Any

from spmvbench.cpu.simd.vectors import Vector, call, constant, emits, intrinsic

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
