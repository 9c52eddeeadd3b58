"""Bitmap: pack, decode and multiply rows of a mask and the values of its set bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from spmvbench.cpu.bits import count_ones, lowest_one
from spmvbench.cpu.jit import njit
from spmvbench.cpu.launch import PIECE, Scratch
from spmvbench.cpu.nonzeros import used_columns
from spmvbench.cpu.products import add_products
from spmvbench.dtypes import Array

_ROOM = np.uint64(PIECE - 64)
"""Columns found so far that leave room for those of another word."""

_NONE = np.uint64(0)
_ONE = np.uint64(1)


@njit(parallel=True)
def fill(bits: Array, magnitude: Any, pointers: Array, values: Array, mask: Array) -> None:
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
def decode(mask: Array, first: Any, columns: Array) -> tuple[Any, Any]:
    """Write the columns of set bits, from word `first` on; return how many, and the next word.

    Eight bits at a time, so that the end of a word is guessed wrong only once: up to 8 columns more
    than there are get written. Stops when there may be no room for another word.
    """
    found = _NONE
    i = first
    while i < mask.size and found <= _ROOM:
        word = mask[i]
        start = np.uint32(64 * i)
        at = found
        found += count_ones(word)
        while word != _NONE:
            for j in range(8):
                columns[at + np.uint64(j)] = start + np.uint32(lowest_one(word))
                word &= word - _ONE
            at += np.uint64(8)
        i += 1
    return np.int64(found), i


@njit()
def unpack(mask: Array, values: Array, pointers: Array, dense: Array, scratch: Scratch) -> None:
    """Write the stored entries into a matrix of zeros. Shape: dense (rows, cols)."""
    columns = scratch.columns[0].view(np.uint32)
    for row in range(dense.shape[0]):
        at = pointers[row]
        word = np.int64(0)
        while word < mask.shape[1]:
            found, word = decode(mask[row], word, columns)
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
    part: Any,
) -> None:
    """Write rows first .. last of y = A x, in the buffers of one part."""
    floats, columns = scratch.floats[part], scratch.columns[part].view(np.uint32)
    for row in range(first, last):
        y[row] = 0
        at = pointers[row]
        word = np.int64(0)
        while word < mask.shape[1]:
            found, word = decode(mask[row], word, columns)
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
        product_rows(mask, values, pointers, x, y, first, last, scratch, np.int64(part))
