"""A matrix cut into pieces that fit the cache, and threads to work on them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

CHUNK = 2**14
"""Elements worked on at once: their 64-bit words fill 128 KiB.

Larger ones cost more: the C library gives larger blocks back to the system each time they are
freed, and at 2^16 half of the time went into page faults. Smaller ones cost more calls.
"""

DEVICE_CHUNK = 2**24
"""Elements worked on at once by array operations on a GPU: as float64 they are 128 MiB."""

WHOLE_ROW = 2**16
"""Rows up to this many columns are not cut, so that a rule may look at a row as a whole."""

MAX_THREADS = 8
"""More threads than this wait for memory, not for arithmetic."""

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Chunk:
    """Whole rows, or a part of one row: in both cases the elements start .. stop - 1, row-major."""

    row: int
    col: int
    shape: tuple[int, int]
    start: int

    @property
    def stop(self) -> int:
        """One past its last element."""
        return self.start + self.shape[0] * self.shape[1]

    @property
    def rows(self) -> slice:
        """Its rows in the matrix."""
        return slice(self.row, self.row + self.shape[0])

    @property
    def cols(self) -> slice:
        """Its columns in the matrix."""
        return slice(self.col, self.col + self.shape[1])


def chunks(rows: range, cols: int, align: int = 1) -> Iterator[Chunk]:
    """Those rows of a matrix with that many columns, in row-major order.

    A chunk that does not begin at column 0 begins at a multiple of `align`.
    """
    if cols == 0:
        return
    if cols <= WHOLE_ROW:
        step = max(1, CHUNK // cols)
        for row in rows[::step]:
            yield Chunk(row, 0, (min(step, rows.stop - row), cols), row * cols)
        return
    width = CHUNK // align * align
    for row in rows:
        for col in range(0, cols, width):
            yield Chunk(row, col, (1, min(width, cols - col)), row * cols + col)


def threads() -> int:
    """How many threads to work with: the cores this process may use, within reason."""
    if hasattr(os, "sched_getaffinity"):
        return min(MAX_THREADS, len(os.sched_getaffinity(0)))
    return min(MAX_THREADS, os.cpu_count() or 1)


def in_threads(work: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    """`work` done on every item, in order. NumPy lets other threads run inside its loops."""
    listed = list(items)
    count = min(threads(), len(listed))
    if count <= 1:
        return [work(item) for item in listed]
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, listed))
