"""Magnitude pruning of a stored matrix to a density: per matrix, per row, or N of M."""

from __future__ import annotations

import numpy as np

from spmvbench.dtypes import Array
from spmvbench.errors import ExperimentError, did_you_mean
from spmvbench.problems.chunks import Chunk, chunks, in_threads
from spmvbench.problems.select import Keep, KeysOf, n_of_m, per_group, per_matrix, per_row

NAMES = ("stored", "magnitude", "magnitude-row")
"""The ways of pruning with a fixed name; `N:M` are the others."""


def check_prune(pattern: str, density: float | None, cols: int) -> str | None:
    """Why a stored matrix cannot be pruned like that, in one line; None when it can."""
    group = n_of_m(pattern)
    if pattern not in NAMES and not group:
        near = did_you_mean(pattern, (*NAMES, "2:4", "4:8"))
        names = ", ".join(NAMES)
        return f"no pattern '{pattern}' for a stored matrix, expected {names} or N:M{near}"
    if pattern == "stored":
        if density is None:
            return None
        return f"pattern stored at density {density}: it prunes nothing, expected no density"
    if density is None or not 0 < density <= 1:
        return f"pattern {pattern}: density is {density}, expected above 0 and at most 1"
    if group and abs(density - group[0] / group[1]) >= 1e-6:
        share = group[0] / group[1]
        return f"pattern {pattern} at density {density}, expected density {share:g}"
    if pattern == "magnitude-row" and cols and round(density * cols) == 0:
        return f"pattern {pattern} at density {density} keeps none of {cols} columns; raise it"
    return None


def prune(dense: Array, density: float | None, pattern: str, scales: Array | None = None) -> Array:
    """The matrix with its smallest magnitudes set to zero; `stored` returns it as it is.

    With `scales` a magnitude is |element| times its column's scale, in float32.
    Ties are kept in row-major order; NaN counts as the largest magnitude.
    Shapes: scales (cols,), not negative.
    Raises: ExperimentError for what `check_prune` refuses.
    """
    reason = check_prune(pattern, density, dense.shape[1])
    if reason:
        raise ExperimentError(reason)
    if density is None:
        return dense
    dense = np.ascontiguousarray(dense)
    flat, group = dense.reshape(-1), n_of_m(pattern)
    keys_of = _keys_of(flat, scales)
    keep = per_group(*group) if group else _keeper(keys_of, dense.shape, density, pattern)
    pruned = np.zeros(dense.shape, dense.dtype)

    def copy(chunk: Chunk) -> None:
        part = slice(chunk.start, chunk.stop)
        kept = keep(keys_of(chunk.start, chunk.stop).reshape(chunk.shape), chunk)
        np.copyto(pruned.reshape(-1)[part], flat[part], where=kept.reshape(-1))

    rows, cols = dense.shape
    in_threads(copy, chunks(range(rows), cols, group[1] if group else 1))
    return pruned


def magnitudes(values: Array) -> Array:
    """The bits of a float array without the sign: unsigned integers in the order of magnitude.

    Zero for both zeros; NaN above infinity. Same shape; values of 2 or 4 bytes, contiguous.
    """
    unsigned = np.dtype(f"u{values.itemsize}")
    bits: Array = values.view(unsigned) & unsigned.type(np.iinfo(unsigned).max >> 1)
    return bits


def _keeper(keys_of: KeysOf, shape: tuple[int, ...], density: float, pattern: str) -> Keep:
    rows, cols = shape
    if pattern == "magnitude":
        return per_matrix(keys_of, 0, rows * cols, round(density * rows * cols))
    return per_row(keys_of, rows, cols, round(density * cols))


def _keys_of(flat: Array, scales: Array | None) -> KeysOf:
    """The keys of elements start .. stop - 1, which the scales of their columns multiply."""
    if scales is None:
        return lambda start, stop: _keys(flat[start:stop])
    wide = scales.astype(np.float32)

    def scaled(start: int, stop: int) -> Array:
        first = start % wide.size
        whole_rows = -(-(first + stop - start) // wide.size)
        own = np.tile(wide, whole_rows)[first : first + stop - start]
        with np.errstate(over="ignore", invalid="ignore"):
            return _keys(flat[start:stop].astype(np.float32) * own)

    return scaled


def _keys(values: Array) -> Array:
    """uint32 keys, the smallest for the largest magnitude."""
    bits = magnitudes(values).astype(np.uint32)
    # 2-byte values move to the upper half: were their upper halves alike, the first histogram of
    # `select` would count all into one bin, and each addition would wait for the one before.
    bits <<= np.uint32(32 - 8 * values.itemsize)
    return np.invert(bits, out=bits)
