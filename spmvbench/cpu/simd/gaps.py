"""MACKO's codes to columns: a prefix sum of 8 bytes is one multiplication.

16 entries make a group; groups are aligned in the arrays, rows are not. 128 codes at a time:

    deltas     | 64 bytes, two codes each: l in the low nibble, h in the high one |   one load
    l + h      | s0 s1 s2 s3 s4 s5 s6 s7 |      8 bytes of a group, 8 groups a register
    times 0x0101010101010101
               | s0 s0+s1 ... s0+...+s7  |      prefix sums; 15 x 16 = 240 at most: no carry
    - h + 2k   | columns of even entries |      each entry covers one column itself, so + 2k
    + 2k + 1   | columns of odd entries  |
    offsets    | o0 o1 o2 ... o15        |      interleaved; from the first column of the group

A group's first column is the one behind the last of the group before: o15 + 1 further.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types

from spmvbench.cpu.jit import njit
from spmvbench.cpu.simd.vectors import (
    BYTE,
    I64,
    constant,
    intrinsic,
    opaque,
    place,
    prefetch_l1,
    shuffle,
)


@intrinsic
def _decode(context: Any, deltas: Any, at: Any, offsets: Any, to: Any) -> Any:
    """`_decode(deltas, at, offsets, to)`: 128 offsets, a byte each, from 64 bytes of codes."""
    bytes_, words = ir.VectorType(BYTE, 64), ir.VectorType(I64, 8)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        codes = builder.load(place(context, builder, signature, arguments, 0, bytes_), align=1)
        low = builder.and_(codes, constant(bytes_, 15))
        high = builder.lshr(codes, constant(bytes_, 4))
        pairs = builder.bitcast(builder.add(low, high), words)
        sums = builder.bitcast(builder.mul(pairs, constant(words, 0x0101010101010101)), bytes_)
        step = [2 * (byte % 8) for byte in range(64)]
        even = builder.add(builder.sub(sums, high), constant(bytes_, step))
        odd = builder.add(sums, constant(bytes_, [s + 1 for s in step]))
        out = place(context, builder, signature, arguments, 2, bytes_)
        for half in range(2):
            mixed = [i for k in range(32 * half, 32 * half + 32) for i in (k, 64 + k)]
            into = builder.gep(out, [ir.Constant(I64, half)])
            builder.store(shuffle(builder, even, odd, mixed), into, align=1)
        return context.get_dummy_value()

    return types.void(deltas, types.int64, offsets, types.int64), emit


@njit(inline=True)
def decode_row(deltas: Any, begin: Any, end: Any, offsets: Any) -> None:
    """The offsets of the groups that have entries begin .. end, from the first group on.

    They come 8 groups at a time. The loop is not unrolled: rows take few turns. It runs through a
    row's codes far faster than memory brings them, so it asks for those of the next row.
    """
    group, stop = begin >> 4, (end + 15) >> 4
    ahead = max(np.int64(1024), 8 * (stop - group))
    to = np.int64(0)
    while group < stop:
        prefetch_l1(deltas, 8 * group + ahead)
        _decode(deltas, 8 * group, offsets, to)
        to += 128
        group = opaque(group + 8)
