"""The 4-bit product: a register of 16 words holds a group of 128 values, 16 to a nibble.

words     | 16 of 32 bits |     one load, nibble s of word i is column 16 s + i of the group
shifted   | 16 of 32 bits |     vpsrld by 4 s: the nibble is lowest
values    | 16 of 32 bits |     vpermd: the nibble less 8, from a register of 16 floats
x         | 16 of 32 bits |     from the L1 cache
sums      | 16 of 32 bits |     vfmadd, of the group
total     | 16 of 32 bits |     vfmadd of the group's sums and its scale, of the row

AVX2 has no register of 16 floats: `Arithmetic` masks the nibble, subtracts 8 and converts.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload

from spmvbench.cpu.int4 import GROUP, WORDS
from spmvbench.cpu.jit import njit
from spmvbench.cpu.simd import room, several_int4
from spmvbench.cpu.simd.dispatch import kernels
from spmvbench.cpu.simd.lanes import (
    add,
    fma,
    shift_right,
    total,
    widen,
    zeros,
)
from spmvbench.cpu.simd.nibbles import nibbles, nibbles_by_table
from spmvbench.cpu.simd.room import BEFORE, WIDE
from spmvbench.cpu.simd.vectors import load, pointer, prefetch_l2, repeat
from spmvbench.cpu.tier import AVX512
from spmvbench.dtypes import Array
from spmvbench.formats.base import Target

AHEAD = 2048
"""Words between a load and its prefetch into the L2 cache."""


class Table(NamedTuple):
    """Words with room behind, scales, and x with room around."""

    words: Array
    scales: Array
    floats: Array
    groups: int


class Arithmetic(Table):
    """Another type is another kernel."""


class ByTable(NamedTuple):
    """Pointers to the arrays of a `Table`."""

    words: Any
    scales: Any
    floats: Any


class ByArithmetic(ByTable):
    """Pointers to the arrays of an `Arithmetic`."""


Matrix = Table | several_int4.Int4


def matrix(device: Target, tier: str, arrays: tuple[Array, Array], cols: int) -> Matrix:
    """The arrays on the device, in the type of the kernel that suits the tier.

    `arrays`: words (rows, groups, 16), scales (rows, groups) in the types of `cpu.floats`.
    """
    if device.batch > 1:
        return several_int4.int4(device, arrays)
    words, scales = arrays
    floats = room.for_x(device, cols, "float32")
    kind = Table if tier == AVX512 else Arithmetic
    flat = device.put(scales.reshape(-1))
    return kind(room.put(device, words), flat, floats, words.shape[1])


def _lowest(matrix: Any, words: Any) -> Any:
    """The lowest nibble of each word, less 8, as float32; for kernels only."""
    raise NotImplementedError("_lowest is for compiled kernels")


def _by_table(matrix: Any, words: Any) -> Any:
    return nibbles_by_table(words)


def _by_arithmetic(matrix: Any, words: Any) -> Any:
    return nibbles(words)


def _choose(matrix: Any, words: Any) -> Any:
    return _by_table if matrix.instance_class is ByTable else _by_arithmetic


overload(_lowest)(_choose)


@njit(inline=True)
def _group(matrix: Any, at: Any, column: Any) -> Any:
    """The 16 sums of a group; two registers of them hide the latency of `vfmadd`."""
    x, words = matrix.floats, load(matrix.words, at, WORDS)
    a, b = zeros(16), zeros(16)
    for slot in range(0, 8, 2):
        even = _lowest(matrix, shift_right(words, 4 * slot))
        odd = _lowest(matrix, shift_right(words, 4 * slot + 4))
        a = fma(even, load(x, column + 16 * slot, 16), a)
        b = fma(odd, load(x, column + 16 * slot + 16, 16), b)
    return add(a, b)


@njit(inline=True)
def _row(matrix: Any, row: Any, groups: Any) -> Any:
    sums = zeros(16)
    for group in range(groups):
        at = row * groups + group
        prefetch_l2(matrix.words, at * WORDS + AHEAD)
        of_group = _group(matrix, at * WORDS, BEFORE + GROUP * group)
        sums = fma(_scale(matrix, at), of_group, sums)
    return total(sums)


@njit(inline=True)
def _scale(matrix: Any, at: Any) -> Any:
    """The scale of a group in all lanes."""
    return widen(repeat(matrix.scales, at, 16))


@njit(inline=True)
def _four_groups(matrix: Any, at: Any, groups: Any, column: Any) -> Any:
    """The sums of the same group of four rows, which share each load of x."""
    x, words = matrix.floats, matrix.words
    p = load(words, at * WORDS, WORDS)
    q = load(words, (at + groups) * WORDS, WORDS)
    r = load(words, (at + 2 * groups) * WORDS, WORDS)
    s = load(words, (at + 3 * groups) * WORDS, WORDS)
    a, b, c, d = zeros(16), zeros(16), zeros(16), zeros(16)
    for slot in range(8):
        of_x = load(x, column + 16 * slot, 16)
        a = fma(_lowest(matrix, shift_right(p, 4 * slot)), of_x, a)
        b = fma(_lowest(matrix, shift_right(q, 4 * slot)), of_x, b)
        c = fma(_lowest(matrix, shift_right(r, 4 * slot)), of_x, c)
        d = fma(_lowest(matrix, shift_right(s, 4 * slot)), of_x, d)
    return a, b, c, d


@njit(inline=True)
def _four_rows(matrix: Any, row: Any, groups: Any) -> Any:
    p, q, r, s = zeros(16), zeros(16), zeros(16), zeros(16)
    for group in range(groups):
        at = row * groups + group
        for other in range(4, 8):
            prefetch_l2(matrix.words, (at + other * groups) * WORDS)
        a, b, c, d = _four_groups(matrix, at, groups, BEFORE + GROUP * group)
        p = fma(_scale(matrix, at), a, p)
        q = fma(_scale(matrix, at + groups), b, q)
        r = fma(_scale(matrix, at + 2 * groups), c, r)
        s = fma(_scale(matrix, at + 3 * groups), d, s)
    return total(p), total(q), total(r), total(s)


def nanoseconds(matrix: Matrix, batch: int) -> float:
    """What a product takes in one thread, roughly; a word holds 8 weights."""
    return max(matrix.words.nbytes / 28, 0.1 * batch * matrix.words.size)


@njit(inline=True)
def _write_rows(bare: Any, groups: Any, y: Any, first: Any, last: Any) -> None:
    row = first
    if GROUP * groups > WIDE:
        while row + 4 <= last:
            y[row], y[row + 1], y[row + 2], y[row + 3] = _four_rows(bare, row, groups)
            row += 4
    while row < last:
        y[row] = _row(bare, row, groups)
        row += 1


def _by_table_rows(matrix: Any, y: Any, first: Any, last: Any, part: Any) -> Any:
    words, scales = pointer(matrix.words, 0), pointer(matrix.scales, 0)
    bare = ByTable(words, scales, pointer(matrix.floats, 0))
    _write_rows(bare, np.int64(matrix.groups), y, first, last)


def _by_arithmetic_rows(matrix: Any, y: Any, first: Any, last: Any, part: Any) -> Any:
    words, scales = pointer(matrix.words, 0), pointer(matrix.scales, 0)
    bare = ByArithmetic(words, scales, pointer(matrix.floats, 0))
    _write_rows(bare, np.int64(matrix.groups), y, first, last)


kernels(Table, room.take_floats, _by_table_rows)
kernels(Arithmetic, room.take_floats, _by_arithmetic_rows)
