"""The vectors x of a problem: as many as asked for, each from random bits of its own."""

from __future__ import annotations

import numpy as np

from spmvbench.dtypes import Array
from spmvbench.problems.base import Problem
from spmvbench.problems.bits import VECTORS, words

# A sum over 512 columns of products of a generated value (at most 1021 patterns.GRID) and an entry
# of x (at most 31 STEP) stays below 2^24 units of GRID * STEP. So it is exact in float32 in
# any order, and the checker can demand equality there.
STEP = 2.0**-5
"""Every entry of x is an odd multiple of this, up to 31 of them."""

_SHIFT = np.uint64(64 - 5)


def vector(problem: Problem, index: int) -> Array:
    """x number `index` of a problem: values that float16 and bfloat16 hold exactly.

    Shape: (cols,), or (cols, batch) for a batch above 1; float32.
    Entry i, row-major, is 2 t - 31 units of STEP, t the upper 5 bits of word i of its stream.
    Raises: ValueError for a negative index, which would lead to the words of the matrix.
    """
    if index < 0:
        raise ValueError(f"index is {index}, expected 0 or more")
    raw = words(problem.seed, VECTORS + index, 0, problem.cols * problem.batch)
    odd = (raw >> _SHIFT).astype(np.float32) * np.float32(2) - np.float32(31)
    x: Array = odd * np.float32(STEP)
    return x if problem.batch == 1 else x.reshape(problem.cols, problem.batch)
