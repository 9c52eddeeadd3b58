"""From vectors to products: rows divided among threads.

A matrix is a named tuple of its arrays, and its type chooses the code: `multiply_rows` is
overloaded for each. So one pair of functions launches all, and all are found in the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import prange
from numba.extending import overload

from spmvbench.cpu.arrays import checked
from spmvbench.cpu.jit import njit
from spmvbench.cpu.launch import shares
from spmvbench.cpu.simd.vectors import next_of
from spmvbench.dtypes import Array

MOST = 8
"""Vectors multiplied at once. Four rows of dense values have 32 sums then: all registers there are,
and a few are spilled; for more there is no room at all."""

PART_NS = 50_000
"""Nanoseconds of work that a thread has to have: waking a second one costs 50 us, during which the
first goes on."""

CHUNKS = 8
"""Chunks of rows for each thread: what one is late for, or slow at, another takes over."""

APART = 8
"""Counters are 64 bytes apart: in one cache line, threads would wait for each other's."""


def workers(threads: int, nanoseconds: float) -> int:
    """How many threads to use for so much work of one."""
    return int(max(1, min(threads, nanoseconds // max(PART_NS, 1))))


def take_x(matrix: Any, x: Any) -> None:
    """Put x where the matrix's kernel reads it; for kernels only."""
    raise NotImplementedError("take_x is for compiled kernels")


def multiply_rows(matrix: Any, y: Any, first: Any, last: Any, part: Any) -> None:
    """Write rows first .. last of y = A x, in the buffers of one part; for kernels only."""
    raise NotImplementedError("multiply_rows is for compiled kernels")


def kernels(matrix: type, taking: Callable[..., Any], rows: Callable[..., Any]) -> None:
    """Make these two functions the code for one type of matrix."""

    def is_mine(kind: Any) -> bool:
        return getattr(kind, "instance_class", None) is matrix

    def take(matrix: Any, x: Any) -> Any:
        return taking if is_mine(matrix) else None

    def multiply(matrix: Any, y: Any, first: Any, last: Any, part: Any) -> Any:
        return rows if is_mine(matrix) else None

    overload(take_x)(take)
    overload(multiply_rows)(multiply)


@njit()
def _one(matrix: Any, x: Array, y: Array, rows: int) -> None:
    take_x(matrix, x)
    multiply_rows(matrix, y, np.int64(0), np.int64(rows), np.int64(0))


@njit(parallel=True)
def _many(matrix: Any, x: Array, y: Array, bounds: Array, counters: Array) -> None:
    """Each thread takes chunk after chunk, its own first, in order, then what others have left.

    Chunks are dealt out as they are taken and not beforehand: a thread may wake late, or have its
    core taken away.
    """
    take_x(matrix, x)
    threads = counters.size // APART
    for thread in range(threads):
        counters[APART * thread] = CHUNKS * thread
    for thread in prange(threads):
        part = np.int64(thread)  # unsigned, of which sums with signed ones would be floats
        for other in range(threads):
            owner = (part + other) % threads
            chunk = next_of(counters, APART * owner)
            while chunk < CHUNKS * (owner + 1):
                multiply_rows(matrix, y, bounds[chunk], bounds[chunk + 1], part)
                chunk = next_of(counters, APART * owner)


def launch(
    matrix: Any, shape: tuple[int, int], work: Array, threads: int, batch: int
) -> Callable[[Array, Array], None]:
    """The product `matvec(x, y)`, compiled: it multiplies no rows once.

    `work`: what the rows before each row, and all of them, cost, in any unit. Shape: (rows + 1,).
    """
    columns = () if batch == 1 else (batch,)
    x, y = (np.zeros((size, *columns), np.float32) for size in (shape[1], shape[0]))
    bounds = shares(work, threads if threads == 1 else CHUNKS * threads)
    _product(matrix, np.zeros_like(bounds), batch)(x, y)
    return checked(_product(matrix, bounds, batch), shape, batch)


def _product(matrix: Any, bounds: Array, batch: int) -> Callable[[Array, Array], None]:
    """Of more vectors than a kernel takes, as many at a time."""
    run = _all_rows(matrix, bounds)

    def in_turns(x: Array, y: Array) -> None:
        for j in range(0, batch, MOST):
            run(x[:, j : j + MOST], y[:, j : j + MOST])

    return run if batch <= MOST else in_turns


def _all_rows(matrix: Any, bounds: Array) -> Callable[[Array, Array], None]:
    """One part runs in the calling thread, at no extra cost."""
    if bounds.size == 2:
        rows = int(bounds[1])
        return lambda x, y: _one(matrix, x, y, rows)
    threads = (bounds.size - 1) // CHUNKS
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    counters = np.zeros(APART * threads, np.int64)
    return lambda x, y: _many(matrix, x, y, bounds, counters)
