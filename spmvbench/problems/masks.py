"""Where a generated matrix has non-zeros: a rule per pattern, from the low halves of its words.

A mask word below `round(density * 2^32)` keeps its element; rows, groups and blocks vary who asks
which word. All arithmetic is on integers, so every machine keeps the same elements.
"""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np

from spmvbench.dtypes import Array
from spmvbench.problems.base import Problem
from spmvbench.problems.bits import MATRIX, words
from spmvbench.problems.chunks import CHUNK, Chunk, in_threads
from spmvbench.problems.select import MAX_GROUP, Keep, n_of_m, per_group, per_matrix, per_row

FULL = 2**32
EMPTY_EVERY = 8
EMPTY = 2
"""`empty-rows`: the first EMPTY of every EMPTY_EVERY rows, so that row 0 and neighbours are."""


def mask_words(seed: int, start: int, stop: int) -> Array:
    """The low 32 bits of the words of elements start .. stop - 1. Shape: (stop - start,)."""
    low: Array = words(seed, MATRIX, start, stop - start).view(np.uint32)[::2]
    return low


def sized(name: str) -> tuple[str, int] | None:
    """("block", 32) for `block32`; None for what is no run or block of a power of two."""
    match = re.fullmatch(r"(group|block)([1-9]\d{0,2})", name)
    if not match:
        return None
    size = int(match[2])
    return (match[1], size) if 2 <= size <= MAX_GROUP and size & (size - 1) == 0 else None


def alignment(pattern: str) -> int:
    """The columns that a chunk of that pattern must not separate."""
    group, run = n_of_m(pattern), sized(pattern)
    if group:
        return group[1]
    return run[1] if run else 1


def keeper(problem: Problem) -> Keep:
    """The rule of its pattern. Counts over the whole matrix, so it may take a while."""
    density = _density(problem)
    group, run = n_of_m(problem.pattern), sized(problem.pattern)
    if group:
        return per_group(*group)
    if run:
        rule = _groups if run[0] == "group" else _blocks
        return rule(problem, run[1], _below(density))
    if problem.pattern in _BY_ROW:
        return _by_row(thresholds(problem))
    return _RULES[problem.pattern](problem, density)


def thresholds(problem: Problem) -> Array:
    """What a mask word must be below for its element to be kept, per row; up to 2^32.

    For patterns in which words are not compared with one another. Shape: (rows,), uint64.
    """
    density = _density(problem)
    rule = _BY_ROW.get(problem.pattern)
    return rule(problem, density) if rule else np.full(problem.rows, _below(density), np.uint64)


def band(problem: Problem) -> tuple[Array, int]:
    """The first column kept in each row by `banded`, and how many. Shape: (rows,), int64."""
    rows, cols = problem.rows, problem.cols
    width = round(_density(problem) * cols)
    centre = np.arange(rows, dtype=np.int64) * cols // max(rows, 1)
    return np.clip(centre - width // 2, 0, cols - width), width


def _density(problem: Problem) -> float:
    if problem.density is None:
        raise ValueError(f"{problem.key}: a generated matrix needs a density")
    return problem.density


def _below(density: float) -> int:
    return round(density * FULL)


def _uniform(problem: Problem, density: float) -> Keep:
    """Every element for itself."""
    below = _below(density)
    return lambda keys, chunk: keys < below


def _exact(problem: Problem, density: float) -> Keep:
    """Exactly round(density * elements): those with the smallest words."""
    return per_matrix(
        lambda a, b: mask_words(problem.seed, a, b),
        0,
        problem.elements,
        round(density * problem.elements),
    )


def _row(problem: Problem, density: float) -> Keep:
    """Exactly round(density * cols) in every row, which is what Wanda leaves."""
    return per_row(
        lambda a, b: mask_words(problem.seed, a, b),
        problem.rows,
        problem.cols,
        round(density * problem.cols),
    )


def _groups(problem: Problem, size: int, below: int) -> Keep:
    """Runs of `size` columns together: the word of a run's first element decides."""

    def keep(keys: Array, chunk: Chunk) -> Array:
        return (keys[:, ::size] < below).repeat(size, axis=1)[:, : chunk.shape[1]]

    return keep


def _blocks(problem: Problem, size: int, below: int) -> Keep:
    """`size` x `size` blocks together: the word of a block's upper left element decides."""
    rows, cols = problem.rows, problem.cols

    def decide(row: int) -> Array:
        edges = [row * cols + col for col in (*range(0, cols, CHUNK), cols)]
        parts = [mask_words(problem.seed, a, b)[::size] < below for a, b in pairwise(edges)]
        return np.concatenate(parts)

    kept = np.array(in_threads(decide, range(0, rows, size) if cols else []))

    def keep(keys: Array, chunk: Chunk) -> Array:
        bands = np.arange(chunk.row, chunk.rows.stop) // size
        first, width = chunk.col // size, -(-chunk.shape[1] // size)
        runs = kept[bands, first : first + width]
        return runs.repeat(size, axis=1)[:, : chunk.shape[1]]

    return keep


def _banded(problem: Problem, density: float) -> Keep:
    """The round(density * cols) columns nearest to the diagonal of every row, without gaps."""
    first, width = band(problem)
    first = first[:, None]

    def keep(keys: Array, chunk: Chunk) -> Array:
        col = np.arange(chunk.col, chunk.col + chunk.shape[1])
        inside: Array = (col >= first[chunk.rows]) & (col < first[chunk.rows] + width)
        return inside

    return keep


def _by_row(below: Array) -> Keep:
    """Every element for itself, with a threshold per row. Shape: below (rows,), uint64."""
    return lambda keys, chunk: keys < below[chunk.rows, None]


def _power_law(problem: Problem, density: float) -> Array:
    """Row r has about scale / (r + 1) non-zeros, at most all; scale by bisection for the sum."""
    wanted = round(density * problem.elements)
    rank = np.arange(1, problem.rows + 1, dtype=np.int64)
    low, high = 0, problem.elements  # the scale that fills every row
    while low < high:
        scale = (low + high) // 2
        if np.minimum(problem.cols, scale // rank).sum() < wanted:
            low = scale + 1
        else:
            high = scale
    counts = np.minimum(problem.cols, low // rank).astype(np.uint64)
    below: Array = counts * np.uint64(FULL) // np.uint64(max(problem.cols, 1))
    return below


def _empty_rows(problem: Problem, density: float) -> Array:
    """Two of every eight rows empty, the others denser for it."""
    filled = _below(density) * EMPTY_EVERY // (EMPTY_EVERY - EMPTY)
    below = np.full(problem.rows, filled, np.uint64)
    below[np.arange(problem.rows) % EMPTY_EVERY < EMPTY] = 0
    return below


def _heavy_row(problem: Problem, density: float) -> Array:
    """The middle row full, the others sharing what is left of the density."""
    left = max(0, _below(density) * problem.rows - FULL)
    below = np.full(problem.rows, left // max(1, problem.rows - 1), np.uint64)
    below[problem.rows // 2 : problem.rows // 2 + 1] = FULL
    return below


_RULES = {"uniform": _uniform, "exact": _exact, "row": _row, "banded": _banded}

_BY_ROW = {"power-law": _power_law, "empty-rows": _empty_rows, "heavy-row": _heavy_row}

NAMES = (*_RULES, *_BY_ROW)
"""The patterns with a fixed name; `N:M`, `groupN` and `blockN` are the others."""
