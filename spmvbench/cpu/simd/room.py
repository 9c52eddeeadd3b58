"""Room around arrays, so that whole vectors can be loaded at both ends of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from spmvbench.cpu.jit import njit
from spmvbench.cpu.simd.lanes import differ, narrow, widen
from spmvbench.cpu.simd.vectors import load, store
from spmvbench.dtypes import Array
from spmvbench.formats.base import Target

BEFORE = 256
"""Zeros in front of x: the entries of the row before may point up to 16 x 16 columns back."""

BEHIND = 512
"""Zeros behind x: a window of 256 columns, of which 32 lie before the group, and as much again."""

OFFSETS = 256
"""Room for the offsets before a row in its first group, and behind it up to a whole 128."""

WIDE = 8192
"""Columns above which x does not stay in the L1 cache as float32."""

SLACK = 64
"""Elements behind matrix arrays: no load takes more, whatever the width of an element."""


def put(device: Target, array: Array) -> Array:
    """A flat copy on the device, aligned, followed by SLACK zeros that belong to nobody."""
    return device.put(np.append(array.reshape(-1), np.zeros(SLACK, array.dtype)))


def for_x(device: Target, cols: int, dtype: str) -> Array:
    """A buffer for x with zeros around it: x begins at BEFORE, which is aligned."""
    room = device.empty(BEFORE + cols + BEHIND, dtype)
    room[:] = 0
    return room


def for_offsets(device: Target, pointers: Array) -> Array:
    """A buffer for the decoded columns of a MACKO row, for each thread. Shape: (threads, bytes)."""
    longest = int(np.diff(pointers).max(initial=0))
    return device.empty((device.threads, longest + OFFSETS), "uint8")


def for_halves(device: Target, cols: int, values: Array) -> Array:
    """As `for_x`, in the 16-bit type of the values: what 16-bit weights are multiplied by.

    None for float32 values: the x of a float32 model does not fit 16 bits, and that of a
    benchmark, which may, shall not make its products look faster.
    """
    if values.itemsize == 4:
        return device.empty(0, "uint16")
    return for_x(device, cols, str(values.dtype))


@njit(inline=True)
def take(x: Array, floats: Array) -> None:
    """Copy x into its buffer: 16 KiB at 4096 columns, a thousandth of a product's bytes."""
    for i in range(x.size):
        floats[BEFORE + i] = x[i]


@njit(inline=True)
def take_halves(floats: Array, halves: Array) -> Any:
    """Fill the 16-bit copy of a filled buffer; return whether each value is exactly the same."""
    different = np.uint64(0)
    for at in range(BEFORE, floats.size - 15, 16):
        wide = load(floats, at, 16)
        short = narrow(wide, halves)
        store(halves, at, short)
        different |= differ(wide, widen(short))
    return different == np.uint64(0)


def take_floats(matrix: Any, x: Any) -> Any:
    """What a kernel with float32 x does first."""
    take(x, matrix.floats)


def take_both(matrix: Any, x: Any) -> Any:
    """What a kernel with x in 16 bits does first; `exact` says whether it may use them."""
    take(x, matrix.floats)
    matrix.exact[0] = matrix.halves.size > 0 and take_halves(matrix.floats, matrix.halves)
