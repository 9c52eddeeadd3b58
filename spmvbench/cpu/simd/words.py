"""A word of a bitmap's mask: values spread out to 64 columns, or x moved together for them.

    mask         1 1 0 0 0 1 0 ...        32 bits, half a word; of float32 values 16
    values       a b c ...                the next 32 in memory, some of them for later
    expanded     a b 0 0 0 c 0 ...        vpexpandw
    compressed   x0 x1 x5 ...             vpcompressw of x at these columns

AVX512 only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types
from numba.extending import overload

from spmvbench.cpu.bits import count_ones
from spmvbench.cpu.jit import njit
from spmvbench.cpu.simd.lanes import expand, halves, keep, widen
from spmvbench.cpu.simd.selection import compress
from spmvbench.cpu.simd.vectors import load, opaque, peek, prefetch_l2, store

AHEAD = 4096
"""Values between a load and its prefetch into the L2 cache."""


def expand_32(values: Any, at: Any, bits: Any) -> Any:
    """The elements of 32 columns as float32, 16 and 16; for kernels only."""
    raise NotImplementedError("expand_32 is for compiled kernels")


def _short(values: Any, at: Any, bits: Any) -> Any:
    low, high = halves(expand(load(values, at, 32), bits))
    return widen(low), widen(high)


def _long(values: Any, at: Any, bits: Any) -> Any:
    middle = at + np.int64(count_ones(bits & np.uint64(0xFFFF)))
    low, high = load(values, at, 16), load(values, middle, 16)
    return expand(low, bits), expand(high, bits >> np.uint64(16))


def _choose(values: Any, at: Any, bits: Any) -> Any:
    return _long if values.dtype == types.float32 else _short


overload(expand_32)(_choose)


@njit(inline=True)
def expand_word(values: Any, at: Any, word: Any) -> Any:
    """The elements of 64 columns as float32, 16 at a time."""
    middle = at + np.int64(count_ones(word & np.uint64(0xFFFFFFFF)))
    prefetch_l2(values, at + AHEAD)
    prefetch_l2(values, middle + AHEAD)
    p, q = expand_32(values, at, word)
    r, s = expand_32(values, middle, word >> np.uint64(32))
    return p, q, r, s


@njit(inline=True)
def compress_row(mask: Any, first: Any, words: Any, x: Any, found: Any) -> Any:
    """Write the x of a row's set bits one behind the other, and 16 zeros."""
    count = np.int64(0)
    i = np.int64(0)
    while i < words:
        word = peek(mask, first + i)
        middle = count + np.int64(count_ones(word & np.uint64(0xFFFFFFFF)))
        store(found, count, compress(load(x, 64 * i, 32), word))
        store(found, middle, compress(load(x, 64 * i + 32, 32), word >> np.uint64(32)))
        count += np.int64(count_ones(word))
        i = opaque(i + 1)
    store(found, count, keep(load(x, 0, 16), np.uint64(0)))
