"""Generated matrices: a 64-bit word per element, low half where it is, high half what it is.

Element (r, c) owns word r * cols + c of stream 0 (see `bits`). Its low 32 bits are the mask word
(see `masks`). Its high 32 bits h give the value, roughly normal:

    s     = sum of the four bytes of h + (h mod 2)       0 .. 1021
    value = (2 s - 1021) * GRID                          odd, never zero; h inverted: value negated

rounded to the problem's dtype: exact in float16 and float32, to the nearest even in bfloat16.
"""

from __future__ import annotations

import numpy as np

from spmvbench.dtypes import DTYPES, Array
from spmvbench.errors import did_you_mean
from spmvbench.problems.base import Problem
from spmvbench.problems.bits import MATRIX, words
from spmvbench.problems.chunks import Chunk, chunks, in_threads
from spmvbench.problems.masks import EMPTY, EMPTY_EVERY, NAMES, alignment, keeper, sized
from spmvbench.problems.select import MAX_GROUP, n_of_m

GRID = 2.0**-14
"""Every generated value, in every dtype, is a non-zero multiple of this; the checker needs it."""

LARGEST = 1021
"""The largest magnitude of a generated value, in units of GRID."""

_KNOWN = (*NAMES, "2:4", "4:8", "1:4", "group16", "block32")


def check_pattern(name: str, density: float | None, cols: int) -> str | None:
    """Why there is no such matrix, in one line; None when there is."""
    if density is None or not 0 < density <= 1:
        return f"density is {density}, expected above 0 and at most 1"
    group = n_of_m(name)
    if group:
        return _check_group(name, group[0] / group[1], density)
    if name not in NAMES and not sized(name):
        return _unknown(name)
    most = 1 - EMPTY / EMPTY_EVERY
    if name == "empty-rows" and density > most:
        return f"pattern empty-rows at density {density}, expected at most {most}"
    if name in ("row", "banded") and cols and round(density * cols) == 0:
        return f"pattern {name} at density {density} keeps none of {cols} columns; raise it"
    return None


def _check_group(name: str, share: float, density: float) -> str | None:
    if abs(density - share) < 1e-6:
        return None
    return f"pattern {name} at density {density}, expected density {share:g}"


def _unknown(name: str) -> str:
    return (
        f"unknown pattern '{name}', expected {', '.join(NAMES)}, N:M, groupN or blockN, at most "
        f"{MAX_GROUP} and for groups and blocks a power of two{did_you_mean(name, _KNOWN)}"
    )


def generate(problem: Problem) -> Array:
    """The matrix A of a problem without a source. Shape: (rows, cols), in its dtype."""
    return generate_rows(problem, 0, problem.rows)


def generate_rows(problem: Problem, start: int, stop: int) -> Array:
    """Rows start .. stop - 1 of A, made alone. Shape: (stop - start, cols), in its dtype."""
    dense = np.empty((stop - start, problem.cols), DTYPES[problem.dtype])
    flat = dense.reshape(-1)
    offset = start * problem.cols
    keep = keeper(problem)
    table = values(problem.dtype)

    def fill(chunk: Chunk) -> None:
        raw = words(problem.seed, MATRIX, chunk.start, chunk.stop - chunk.start)
        halves = raw.view(np.uint32)
        kept = keep(halves[::2].reshape(chunk.shape), chunk)
        codes = _codes(halves[1::2].copy())
        codes *= kept.reshape(-1)
        places = raw.view(np.intp)  # the words are spent: their memory serves again
        places[:] = codes
        # No place is out of bounds: 'clip' only spares NumPy a copy of the output.
        np.take(table, places, out=flat[chunk.start - offset : chunk.stop - offset], mode="clip")

    in_threads(fill, chunks(range(start, stop), problem.cols, alignment(problem.pattern)))
    return dense


def values(dtype: str) -> Array:
    """Zero, then every value a generated matrix can have, ascending. Shape: (LARGEST + 2,)."""
    odd = np.arange(-LARGEST, LARGEST + 1, 2) * GRID
    return np.concatenate([[0.0], odd]).astype(DTYPES[dtype])


def _codes(high: Array) -> Array:
    """The place in `values` of each element, were it kept; overwrites its input.

    In place, because fresh memory costs more than this arithmetic. Shapes: high and result (n,).
    """
    odd = high & np.uint32(1)
    halves = high.view(np.uint16)
    upper = halves >> np.uint16(8)
    halves &= np.uint16(0xFF)
    halves += upper
    np.right_shift(high, np.uint32(16), out=upper.view(np.uint32))
    high &= np.uint32(0xFFFF)
    high += upper.view(np.uint32)
    high += odd
    high += np.uint32(1)
    return high
