"""From weights to small integers and scales, by NumPy in row chunks: the host side of packing.

Symmetric: zero stays zero, and a product needs no correction by the sum of x.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from spmvbench.dtypes import Array

CHUNK = 1 << 18
"""Elements at a time: 1 MiB of float32, so that the few copies made stay in the L2 cache."""


def chunks(rows: int, cols: int) -> Iterator[slice]:
    """The rows, CHUNK elements or one row at a time."""
    step = max(1, CHUNK // max(cols, 1))
    for first in range(0, rows, step):
        yield slice(first, min(first + step, rows))


def quantise(weights: Array, most: int, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """Integers -most .. most, and the scales that multiply them, one for each run of weights.

    A run lies along the last axis. Its scale is its largest magnitude / most in float32, then
    rounded to `dtype`; the integers are made for the rounded scale. With NaN or Inf in a run the
    scale is NaN and the integers are zeros; so are those of a scale that is rounded to zero.
    Shapes: weights (..., length) float32, integers the same in int8, scales (...).
    """
    largest = abs(weights).max(axis=-1, initial=0)
    wanted = np.minimum(largest / np.float32(most), largest_scale(most))
    scales = np.where(np.isfinite(largest), wanted, np.float32(np.nan)).astype(dtype)
    divisors = scales.astype(np.float32)[..., None]
    steps = np.divide(weights, divisors, out=np.zeros_like(weights), where=divisors > 0)
    return np.clip(np.rint(steps), -most, most).astype(np.int8), scales


def largest_scale(most: int) -> Any:
    """The largest scale with which no product overflows: float32's max / most, never rounded up."""
    limit = float(np.finfo(np.float32).max)
    nearest = np.float32(limit / most)
    return nearest if most * float(nearest) <= limit else np.nextafter(nearest, np.float32(0))
