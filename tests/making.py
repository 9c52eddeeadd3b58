"""Work for the kernels that make and pack matrices, small enough for sanitizers."""

from __future__ import annotations

import numpy as np
from kernel_cells import MATRICES

from spmvbench.battery import BATTERY
from spmvbench.dtypes import DTYPES
from spmvbench.formats import resolve
from spmvbench.formats.macko_fast import starts_of_parts
from spmvbench.problems import Problem, build

FORMATS = ("macko", "bitmap", "csr16", "dense-int8", "dense-int4")

SMALL = (
    "one element",
    "no columns",
    "one column",
    "rows not a multiple of 32",
    "columns not a multiple of 64",
    "every element stored",
    "first column only",
    "last column only",
    "empty rows at both ends",
    "gaps around 16 and 32",
    "gaps around 64 and 256",
    "minus zeros",
    "NaN and Inf",
    "smallest and largest values",
)

PATTERNS = {
    "uniform": 0.5,
    "exact": 0.4,
    "row": 0.3,
    "banded": 0.2,
    "heavy-row": 0.1,
    "3:7": 3 / 7,
    "200:256": 200 / 256,
    "group8": 0.5,
    "block4": 0.4,
}


def pack(cupy, dtypes):
    """Small matrices of the battery, and one whose rows begin at every column."""
    for dtype in dtypes:
        diagonal = np.eye(70).astype(DTYPES[dtype])
        for dense in [diagonal, *(BATTERY[name](dtype) for name in SMALL)]:
            there = cupy.asarray(dense)
            for name in FORMATS:
                resolve(name).pack(there)
    starts(cupy)


def starts(cupy):
    """Where the parts of rows start: rows of several steps, and rows with fewer than parts."""
    for name in (*SMALL, "rows of a few steps"):
        packed = resolve("macko-fast").pack(cupy.asarray(MATRICES[name]("float16")))
        for parts in (2, 8, 32):
            starts_of_parts(parts, *packed.arrays.values())


def make():
    for pattern, density in PATTERNS.items():
        for dtype in ("float16", "bfloat16", "float32"):
            build(Problem(11, 131, density, dtype=dtype, pattern=pattern), "cuda")
        build(Problem(3, 1300, density, pattern=pattern), "cuda")
        build(Problem(1, 1, 1.0 if ":" not in pattern else density, pattern=pattern), "cuda")
