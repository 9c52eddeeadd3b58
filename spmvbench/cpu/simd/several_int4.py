"""Several vectors times 4-bit weights: each value gets its scale once, for all of them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from spmvbench.cpu.int4 import GROUP, WORDS
from spmvbench.cpu.jit import njit
from spmvbench.cpu.simd import room
from spmvbench.cpu.simd.dispatch import kernels
from spmvbench.cpu.simd.lanes import fma, shift_right, widen, zeros
from spmvbench.cpu.simd.nibbles import nibbles
from spmvbench.cpu.simd.room import BEFORE
from spmvbench.cpu.simd.several import outer, put, rows_of_x, start, take_rows, totals, vectors
from spmvbench.cpu.simd.vectors import load, pointer, prefetch_l2, repeat
from spmvbench.dtypes import Array
from spmvbench.formats.base import Target


class Int4(NamedTuple):
    """Words with room behind, scales; x, a row for each vector."""

    words: Array
    scales: Array
    floats: Array
    groups: int
    vectors: Array


def int4(device: Target, arrays: tuple[Array, Array]) -> Int4:
    """The arrays on the device: words (rows, groups, 16), scales (rows, groups) as `cpu.floats`."""
    words, scales = arrays
    groups = words.shape[1]
    flat = device.put(scales.reshape(-1))
    floats = rows_of_x(device, GROUP * groups)
    return Int4(room.put(device, words), flat, floats, groups, vectors(device.batch))


def _take(matrix: Any, x: Any) -> Any:
    take_rows(x, matrix.floats)


@njit(inline=True)
def _scaled(words: Any, slot: Any, scale: Any) -> Any:
    return fma(nibbles(shift_right(words, 4 * slot)), scale, zeros(16))


def _rows(matrix: Any, y: Any, first: Any, last: Any, part: Any) -> Any:
    words, scales, groups = pointer(matrix.words, 0), pointer(matrix.scales, 0), matrix.groups
    x, stride = pointer(matrix.floats, BEFORE), np.int64(matrix.floats.shape[1])
    for row in range(first, last, 2):
        other = min(row + 1, last - 1)
        sums = start(2, 16, matrix.vectors)
        for group in range(groups):
            at, other_at = row * groups + group, other * groups + group
            prefetch_l2(words, WORDS * (at + 2 * groups))
            prefetch_l2(words, WORDS * (other_at + 2 * groups))
            p, q = load(words, WORDS * at, WORDS), load(words, WORDS * other_at, WORDS)
            scale = widen(repeat(scales, at, 16))
            other_scale = widen(repeat(scales, other_at, 16))
            for slot in range(8):
                pair = _scaled(p, slot, scale), _scaled(q, slot, other_scale)
                sums = outer(pair, x, GROUP * group + 16 * slot, stride, sums)
        put(y, row, totals(sums, 0, 2))
        put(y, other, totals(sums, 1, 2))


kernels(Int4, _take, _rows)
