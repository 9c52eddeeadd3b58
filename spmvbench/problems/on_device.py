"""Generated matrices made on the CUDA device: byte for byte those of `patterns`."""

from __future__ import annotations

from typing import Any

import numpy as np

from spmvbench.cuda import names
from spmvbench.cuda.module import kernel
from spmvbench.dtypes import DTYPES, Array
from spmvbench.problems.base import Problem
from spmvbench.problems.masks import FULL, band, mask_words, sized, thresholds
from spmvbench.problems.select import find, n_of_m, position

_THREADS = 256
_PER_BLOCK = 4 * _THREADS  # elements: a thread makes those of one Philox counter
_TILE = 1024
_COUNTING_BLOCKS = 4096
_HALVES = 2**16
_COLUMNS = 2**32 - 1
"""Above every column: with a key in the upper half, what all elements with it are below."""


def generate(problem: Problem) -> Array:
    """The matrix A of a problem without a source, on the device. Shape: (rows, cols).

    It is complete when this returns, whatever stream the caller works in.
    """
    import cupy

    dense: Array = cupy.empty((problem.rows, problem.cols), DTYPES[problem.dtype])
    if dense.size:
        _fill(problem, dense)
        cupy.cuda.get_current_stream().synchronize()
    return dense


def _fill(problem: Problem, dense: Array) -> None:
    import cupy

    seed, rows, cols = np.uint64(problem.seed), np.int64(problem.rows), np.int32(problem.cols)
    group, run = n_of_m(problem.pattern), sized(problem.pattern)
    blocks = -(-problem.elements // _PER_BLOCK)
    if group:
        n, m = group
        width = _TILE // m * m
        blocks = problem.rows * -(-problem.cols // width)
        _launch("n_of_m", blocks, dense, seed, cols, *map(np.int32, (n, m, width)))
    elif problem.pattern == "banded":
        first, width = band(problem)
        there = cupy.asarray(first.astype(np.int32))
        _launch("banded", blocks, dense, there, seed, rows, cols, np.int32(width))
    elif run:
        limits = cupy.asarray(_limits(problem))
        height = run[1] if run[0] == "block" else 1
        sides = np.int32(height), np.int32(run[1])
        _launch("together", blocks, dense, limits, seed, rows, cols, *sides)
    else:
        limits = cupy.asarray(_limits(problem))
        _launch("", blocks, dense, limits, seed, rows, cols)


def _launch(rule: str, blocks: int, dense: Array, *arguments: Any) -> None:
    name = f"generate_{rule}" if rule else "generate"
    compiled = kernel("generate.cu", f"{name}<{names.VALUES[str(dense.dtype)]}>")
    compiled((blocks,), (_THREADS,), (dense, *arguments))


def _limits(problem: Problem) -> Array:
    """What an element's number, its key * 2^32 + its column, must be below. Shape: (rows,), uint64.

    A tie is a limit within a key; no number reaches 2^64 - 1.
    """
    density = problem.density or 0.0
    if problem.pattern == "exact":
        return _of_matrix(problem, round(density * problem.elements))
    if problem.pattern == "row":
        return _of_rows(problem, round(density * problem.cols))
    below = thresholds(problem)
    shifted = below << np.uint64(32)
    return np.where(below < FULL, shifted, np.uint64(2**64 - 1))


def _all_or_none(problem: Problem, kept: bool) -> Array:
    return np.full(problem.rows, 2**64 - 1 if kept else 0, np.uint64)


def _of_rows(problem: Problem, k: int) -> Array:
    """Exactly k elements of each row are below theirs."""
    import cupy

    if not 0 < k < problem.cols:
        return _all_or_none(problem, k > 0)
    limits = cupy.empty(problem.rows, np.uint64)
    sizes = np.uint64(problem.seed), np.int32(problem.cols), np.int32(k)
    kernel("select.cu", "limits_of_rows")((problem.rows,), (_THREADS,), (limits, *sizes))
    found: Array = limits.get()
    return found


def _of_matrix(problem: Problem, k: int) -> Array:
    """Exactly k elements of the matrix are below those of their rows."""
    if not 0 < k < problem.elements:
        return _all_or_none(problem, k > 0)
    high, places = find(_count(problem, "count_halves", _HALVES, np.int32(-1)), k)
    lower = _count(problem, "count_halves", _HALVES, np.int32(high))
    low, places = find(lower, places)
    key = high << 16 | low
    last = problem.elements - 1
    if lower[low] > places:
        last = _last(problem, key, places)
    limits = np.full(problem.rows, key << 32, np.uint64)
    row, column = divmod(last, problem.cols)
    limits[:row] |= np.uint64(_COLUMNS)
    limits[row] += np.uint64(column + 1)
    return limits


def _last(problem: Problem, key: int, number: int) -> int:
    """Where that key occurs for that time: counted in parts there, looked for in one part here."""
    part = max(_PER_BLOCK, -(-problem.elements // _HALVES))
    parts = -(-problem.elements // part)
    counts = _count(problem, "count_key", parts, np.uint32(key), np.int64(part))
    which, number = find(counts, number)
    start, stop = which * part, min((which + 1) * part, problem.elements)
    return position(lambda a, b: mask_words(problem.seed, a, b), start, stop, key, number)


def _count(problem: Problem, name: str, bins: int, *more: Any) -> Array:
    import cupy

    counts = cupy.zeros(bins, np.uint64)
    blocks = min(_COUNTING_BLOCKS, -(-problem.elements // _PER_BLOCK))
    sizes = np.uint64(problem.seed), np.int64(problem.elements)
    kernel("select.cu", name)((blocks,), (_THREADS,), (counts, *sizes, *more))
    found: Array = counts.get().astype(np.int64)
    return found
