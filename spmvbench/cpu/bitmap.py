"""Bitmap: pack, decode and multiply rows of a mask and the values of its set bits."""

from __future__ import annotations

import numpy as np
from numba import prange

from spmvbench.cpu.bits import count_ones, lowest_one
from spmvbench.cpu.jit import njit
from spmvbench.cpu.launch import PIECE, Scratch
from spmvbench.cpu.nonzeros import used_columns
from spmvbench.cpu.products import add_products
from spmvbench.dtypes import Array

WORDS = PIECE // 64
"""Mask words decoded at a time: no more than PIECE entries."""

_NONE = np.uint64(0)
_FEW = np.uint64(16)
"""Up to so many set bits of a word are found one by one; above, a table per byte is faster."""

_POSITIONS = np.array(
    [([j for j in range(8) if byte >> j & 1] + [0] * 8)[:8] for byte in range(256)], np.uint32
)
"""Positions of the set bits of each byte, in order, then zeros."""

_COUNTS = np.array([byte.bit_count() for byte in range(256)], np.uint64)


@njit(parallel=True)
def fill(bits: Array, magnitude: int, pointers: Array, values: Array, mask: Array) -> None:
    """Set the mask's bits, and write the values of each row where its row pointer says.

    Writing first and moving on only after a non-zero needs no branch to be guessed. It stays inside
    the row because the row ends at its last non-zero. Shape: mask (rows, words), zeros.
    """
    for row in prange(bits.shape[0]):
        at = pointers[row]
        used = used_columns(bits[row], magnitude)
        for start in range(0, used, 64):
            word = np.uint64(0)
            for column in range(start, min(start + 64, used)):
                value = bits[row, column]
                nonzero = (value & magnitude) != 0
                values[at] = value
                at += nonzero
                word |= np.uint64(nonzero) << np.uint64(column - start)
            mask[row, start >> 6] = word


@njit()
def decode(mask: Array, base: int, columns: Array) -> int:
    """Write the columns of the set bits of some words, the first of them `base`; return how many.

    Both ways write a few more than there are, to save branches.
    """
    found = np.uint64(0)
    for i in range(mask.size):
        word = mask[i]
        start = np.uint32(base + 64 * i)
        ones = count_ones(word)
        if ones <= _FEW:
            at = found
            while word != _NONE:
                for j in range(4):
                    columns[at + np.uint64(j)] = start + np.uint32(lowest_one(word))
                    word &= word - np.uint64(1)
                at += np.uint64(4)
            found += ones
        else:
            for j in range(8):
                byte = (word >> np.uint64(8 * j)) & np.uint64(255)
                for k in range(8):
                    columns[found + np.uint64(k)] = start + np.uint32(8 * j) + _POSITIONS[byte, k]
                found += _COUNTS[byte]
    return np.int64(found)


@njit(parallel=True)
def unpack(mask: Array, values: Array, pointers: Array, dense: Array, scratch: Scratch) -> None:
    """Write the stored entries into a matrix of zeros. Shape: dense (rows, cols)."""
    rows, parts = dense.shape[0], scratch.columns.shape[0]
    for part in prange(parts):
        columns = scratch.columns[part].view(np.uint32)
        for row in range(part * rows // parts, (part + 1) * rows // parts):
            at = pointers[row]
            for word in range(0, mask.shape[1], WORDS):
                found = decode(mask[row, word : word + WORDS], 64 * word, columns)
                for i in range(found):
                    dense[row, columns[i]] = values[at + i]
                at += found


@njit()
def product_rows(
    mask: Array,
    values: Array,
    pointers: Array,
    x: Array,
    y: Array,
    first: int,
    last: int,
    scratch: Scratch,
    part: int,
) -> None:
    """Write rows first .. last of y = A x, in the buffers of one part."""
    floats, columns = scratch.floats[part], scratch.columns[part].view(np.uint32)
    for row in range(first, last):
        y[row] = 0
        at = pointers[row]
        for word in range(0, mask.shape[1], WORDS):
            found = decode(mask[row, word : word + WORDS], 64 * word, columns)
            add_products(values[at : at + found], columns[:found], floats, x, y, row)
            at += found


@njit(parallel=True)
def product(
    mask: Array,
    values: Array,
    pointers: Array,
    x: Array,
    y: Array,
    bounds: Array,
    scratch: Scratch,
) -> None:
    """Write y = A x, rows bounds[i] .. bounds[i + 1] in one thread each."""
    for part in prange(bounds.size - 1):
        first, last = bounds[part], bounds[part + 1]
        product_rows(mask, values, pointers, x, y, first, last, scratch, part)
