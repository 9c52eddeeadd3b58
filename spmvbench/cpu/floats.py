"""Stored values as float32, exactly: float16 and bfloat16 bits by integer arithmetic.

Numba knows neither type on a CPU, so kernels see bits: uint16 is float16, int16 is bfloat16, and
float32 and int8 are themselves. LLVM's own float16 conversion calls a missing function on CPUs
without F16C.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from spmvbench.dtypes import DTYPES, Array
from spmvbench.errors import FormatError

_KERNEL_TYPES = {"float16": np.uint16, "bfloat16": np.int16, "float32": np.float32}

_STORED = {np.dtype(_KERNEL_TYPES[name]): DTYPES[name] for name in ("float16", "bfloat16")}

_SCALE = np.float32(2.0**112)
"""From a float16 exponent read as a float32 one (bias 127) to its value (bias 15)."""

_SIGN_AND_MAGNITUDE = np.int32(-0x70002000)  # 0x8fffe000: the sign, and 15 bits moved up by 13
_MAGNITUDE = np.int32(0x7FFFFFFF)
_INFINITE = np.int32(31 << 23)  # the exponent of float16's Inf and NaN, moved up by 13
_EXPONENT = np.int32(0x7F800000)


def kernel_view(values: Array) -> Array:
    """The same memory in the type by which kernels know float16, bfloat16 and float32.

    Raises: FormatError for another type.
    """
    known = _KERNEL_TYPES.get(str(values.dtype))
    if known is None:
        raise FormatError(f"values are {values.dtype}; expected one of {', '.join(_KERNEL_TYPES)}")
    return values.view(known)


def to_float32(bits: Any) -> Any:
    """The stored value as float32. This body runs where Numba is told not to compile."""
    return np.float32(bits.view(_STORED.get(bits.dtype, bits.dtype)))


def widen(values: Any, floats: Any) -> Any:
    """The values as float32: themselves, or converted into the buffer. See `to_float32`."""
    way = _widen_nothing if values.dtype == np.float32 else _widen_bits
    return way(values, floats)


def _from_float16(bits: Any) -> Any:
    """Sign extension leaves the sign in place while exponent and fraction move up by 13.

    The product is exact, subnormals included, as long as the CPU does not flush float32 subnormals;
    Inf and NaN get the largest exponent instead. Seven instructions, against eleven for a way
    without subnormal operands.
    """
    moved = np.int32(np.int32(np.int32(np.int16(bits)) << 13) & _SIGN_AND_MAGNITUDE)
    scaled = np.float32(moved.view(np.float32) * _SCALE).view(np.int32)
    if np.int32(moved & _MAGNITUDE) >= _INFINITE:
        scaled = np.int32(scaled | _EXPONENT)
    return np.int32(scaled).view(np.float32)


def _from_bfloat16(bits: Any) -> Any:
    """Bfloat16 is the upper half of a float32."""
    return np.int32(np.int32(bits) << 16).view(np.float32)


def _from_int8(bits: Any) -> Any:
    return np.float32(bits)


def _itself(bits: Any) -> Any:
    return bits


_WAYS = {types.uint16: _from_float16, types.int16: _from_bfloat16, types.int8: _from_int8}


def _choose(bits: Any) -> Any:
    return _WAYS.get(bits, _itself)


def _widen_bits(values: Any, floats: Any) -> Any:
    for i in range(values.size):
        floats[i] = to_float32(values[i])
    return floats[: values.size]


def _widen_nothing(values: Any, floats: Any) -> Any:
    return values


def _choose_widening(values: Any, floats: Any) -> Any:
    return _widen_nothing if values.dtype == types.float32 else _widen_bits


overload(to_float32)(_choose)
overload(widen)(_choose_widening)
