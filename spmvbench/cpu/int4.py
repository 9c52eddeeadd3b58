"""The product of 4-bit weights in groups of 128 columns, each with a scale.

Shapes everywhere: words (rows, groups, 16) uint32, scales (rows, groups) in the types of
`cpu.floats`. Nibble s of word i of group g is column 128 g + 16 s + i, less 8.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from spmvbench.cpu.floats import to_float32
from spmvbench.cpu.jit import njit
from spmvbench.cpu.launch import Scratch
from spmvbench.dtypes import Array

GROUP = 128
"""Columns that share a scale: 1/8 bit a weight with 16-bit scales, and 64 bytes of nibbles."""

WORDS = GROUP // 8


@njit()
def _value(word: Any, slot: Any) -> Any:
    return np.float32(np.int32((word >> np.uint32(4 * slot)) & np.uint32(15)) - np.int32(8))


@njit(any_order=True)
def _dot(words: Array, x: Array) -> Any:
    """The sum of up to 128 values times x; x ends where the matrix does."""
    total = np.float32(0)
    for slot in range(-(-x.size // WORDS)):
        of_slot = x[WORDS * slot : WORDS * (slot + 1)]
        for i in range(of_slot.size):
            total += _value(words[i], slot) * of_slot[i]
    return total


@njit()
def product_rows(
    words: Array,
    scales: Array,
    x: Array,
    y: Array,
    first: int,
    last: int,
    scratch: Scratch,
    part: Any,
) -> None:
    """Write rows first .. last of y = A x, for one vector. Needs no buffers."""
    for row in range(first, last):
        total = np.float32(0)
        for group in range(words.shape[1]):
            sums = _dot(words[row, group], x[GROUP * group : GROUP * (group + 1)])
            total += to_float32(scales[row, group]) * sums
        y[row] = total


@njit(parallel=True)
def product(
    words: Array, scales: Array, x: Array, y: Array, bounds: Array, scratch: Scratch
) -> None:
    """Write y = A x for one vector, rows bounds[i] .. bounds[i + 1] in one thread each."""
    for part in prange(bounds.size - 1):
        first, last = bounds[part], bounds[part + 1]
        product_rows(words, scales, x, y, first, last, scratch, np.int64(part))


@njit(parallel=True)
def expand(words: Array, scales: Array, floats: Array) -> None:
    """Write the values times their scales as float32. Shape: floats (rows, cols)."""
    for row in prange(words.shape[0]):
        for group in range(words.shape[1]):
            scale = to_float32(scales[row, group])
            of_group = floats[row, GROUP * group : GROUP * (group + 1)]
            for slot in range(-(-of_group.size // WORDS)):
                of_slot = of_group[WORDS * slot : WORDS * (slot + 1)]
                for i in range(of_slot.size):
                    of_slot[i] = _value(words[row, group, i], slot) * scale
