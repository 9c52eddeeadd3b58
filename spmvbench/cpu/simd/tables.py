"""How to spread out 8 values by 8 bits, for each of the 256 bytes: expansion for AVX2.

bits      1 0 0 1 0 ...          bit j for lane j
table     0 - - 1 - ...          which value goes to lane j; - is none
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types

from spmvbench.cpu.simd.vectors import BYTE, I32, call, constant, intrinsic, place
from spmvbench.dtypes import Array

_NONE = 0x80
"""As a byte index, `vpshufb` gives a zero for it; as the sign of an index, we do."""


def tables(itemsize: int) -> Array:
    """The table of values of 2 or 4 bytes. Shape: (256, 16) uint8 or (256, 8) uint32.

    16-bit values are moved as bytes, two each: 4 KiB, an eighth of an L1 cache.
    """
    bits = (np.arange(256)[:, None] >> np.arange(8)) & 1
    source = np.cumsum(bits, axis=1) - 1
    if itemsize == 4:
        return np.where(bits, source, _NONE << 24).astype(np.uint32)
    pairs = 2 * source[:, :, None] + np.arange(2)
    return np.where(bits[:, :, None], pairs, _NONE).astype(np.uint8).reshape(256, 16)


@intrinsic
def spread(context: Any, x: Any, table: Any, bits: Any) -> Any:
    """`spread(x, table, bits)`: 8 lanes, the first of them where bits are set. AVX2."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        words = x.llvm.element.width == 16 if x.kind != "float32" else False
        lanes = ir.VectorType(BYTE, 16) if words else ir.VectorType(I32, 8)
        at = builder.mul(arguments[2], ir.Constant(arguments[2].type, lanes.count))
        given = [arguments[1], at]
        kinds = types.void(signature.args[1], types.uint64)
        order = builder.load(place(context, builder, kinds, given, 0, lanes), align=1)
        if words:
            moved = call(
                builder,
                "llvm.x86.ssse3.pshuf.b.128",
                lanes,
                [builder.bitcast(arguments[0], lanes), order],
            )
            return builder.bitcast(moved, x.llvm)
        moved = call(builder, "llvm.x86.avx2.permps", x.llvm, [arguments[0], order])
        none = builder.icmp_signed("<", order, constant(lanes, 0))
        return builder.select(none, ir.Constant(x.llvm, None), moved)

    return x(x, table, bits), emit
