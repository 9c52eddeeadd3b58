"""Packing on the device: a warp a row, first what each row takes, then its entries."""

from __future__ import annotations

from typing import Any

import numpy as np

from spmvbench.cpu.arrays import pointer_dtype
from spmvbench.cuda import names
from spmvbench.cuda.module import kernel
from spmvbench.dtypes import Array

_THREADS = 256
_WARPS = 8


def per_warp(file: str, name: str, warps: int, *arguments: Any) -> None:
    """Launch a kernel that has so many warps work; none, no launch."""
    if warps:
        kernel(file, name)((-(-warps // _WARPS),), (_THREADS,), arguments)


def count(file: str, name: str, bits: Array, *outputs: Array) -> Array:
    """What each row of the bits takes, by a kernel `name<bits>`; `outputs`: what else it writes.

    Shapes: bits (rows, cols), result (rows,) int64.
    """
    import cupy

    rows, cols = bits.shape
    counts: Array = cupy.empty(rows, np.int64)
    variant = f"{name}<{names.bits(bits.dtype)}>"
    per_warp(file, variant, rows, bits, *outputs, counts, np.int64(rows), np.int32(cols))
    return counts


def row_pointers(counts: Array) -> Array:
    """Where each row's entries begin, and the end. Shapes: counts (rows,), result (rows + 1,)."""
    import cupy

    ends = counts.cumsum()
    pointers: Array = cupy.zeros(counts.size + 1, pointer_dtype(int(ends[-1]) if ends.size else 0))
    pointers[1:] = ends
    return pointers


def fill(file: str, name: str, bits: Array, pointers: Array, *outputs: Array) -> None:
    """Write the entries of all rows, by a kernel `name<bits, pointers>`."""
    rows, cols = bits.shape
    variant = f"{name}<{names.bits(bits.dtype)}, {names.POINTERS[str(pointers.dtype)]}>"
    per_warp(file, variant, rows, bits, pointers, *outputs, np.int64(rows), np.int32(cols))


def wait() -> None:
    """Until all is done that was asked for: the seconds of packing end then, not before."""
    import cupy

    cupy.cuda.get_current_stream().synchronize()
