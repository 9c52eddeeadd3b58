"""Work for the kernels that make and pack matrices, small enough for sanitizers."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
from kernel_cells import MATRICES

from spmvbench.battery import BATTERY
from spmvbench.dtypes import DTYPES
from spmvbench.formats import resolve
from spmvbench.formats.macko_fast import starts_of_parts
from spmvbench.formats.slab import Cut
from spmvbench.formats.slab_bitmap import Cut as BitmapCut
from spmvbench.problems import Problem, build

FORMATS = ("macko", "bitmap", "csr16", "dense-int8", "dense-int4")

SLABS = ("slab4", "slab5", "slab6")
CUTS = ((32, 8), (32, 16), (16, 16), (8, 16))
"""Rows of a slab and warps, all that there are."""
BITMAP_CUTS = ((32, 8), (32, 16), (16, 16), (8, 16))
"""The same of slabs with bitmaps."""

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
    if "float16" in dtypes:
        _pack_slabs(cupy)
        _pack_slabs_with_bitmaps(cupy)
    starts(cupy)


def starts(cupy):
    """Where the parts of rows start: rows of several steps, and rows with fewer than parts."""
    for name in (*SMALL, "rows of a few steps"):
        packed = resolve("macko-fast").pack(cupy.asarray(MATRICES[name]("float16")))
        for parts in (2, 8, 32):
            starts_of_parts(parts, *packed.arrays.values())


def _pack_slabs(cupy):
    """As many rows as slabs differ by, cut in all ways, and rows that fill what waits."""
    uneven = np.tri(70, 300, dtype=np.float16)
    uneven[:, 280] = 1
    for name in SLABS:
        fmt = resolve(name)
        for dense in [long_rows(), *(BATTERY[matrix]("float16") for matrix in SMALL)]:
            fmt.pack(cupy.asarray(dense))
        for how in CUTS:
            with patch("spmvbench.formats.slab.cut", lambda shape, how=how: Cut(*how)):
                fmt.pack(cupy.asarray(uneven))


def _pack_slabs_with_bitmaps(cupy):
    fmt = resolve("slab-bitmap")
    for dense in [long_rows(), *(BATTERY[matrix]("float16") for matrix in SMALL)]:
        fmt.pack(cupy.asarray(dense))
    for how in BITMAP_CUTS:
        # Segments of 9 words: a step and a part, and one word that ends where the matrix does.
        wide = np.zeros((37, 9 * 32 * how[1] * (32 // how[0]) - 20), np.float16)
        wide[:20, ::3], wide[20:30, 5::50], wide[30:32] = 1, 2, 3
        wide[32, np.arange(wide.shape[1]) % 75 // 4 == 1] = 5  # windows of four and nothing else
        wide[np.arange(33, 37)[:, None], 288 * np.arange(5) + 283 + np.arange(4)[:, None]] = 4
        with patch("spmvbench.formats.slab_bitmap.cut", bitmap_cut(*how)):
            fmt.pack(cupy.asarray(wide))


def bitmap_cut(rows_of_slab, warps):
    """Cuts any matrix so."""

    def cut(shape):
        words = -(-shape[1] // (32 * warps * (32 // rows_of_slab)))
        return BitmapCut(rows_of_slab, warps, -(-shape[0] // rows_of_slab), words)

    return cut


def long_rows():
    """Full stretches, and gaps of many bridges that end in a step or pass it by."""
    dense = np.zeros((9, 17_000), np.float16)
    dense[0, 1:801], dense[1, [3, 16_999]], dense[2, :5000:37], dense[3, 100:2000:3] = 1, 2, 3, 4
    dense[4, [0, 5000, 5001]], dense[5, 255:3000:64], dense[6, 40:3000:18] = 5, 6, 7
    return dense


def make():
    for pattern, density in PATTERNS.items():
        for dtype in ("float16", "bfloat16", "float32"):
            build(Problem(11, 131, density, dtype=dtype, pattern=pattern), "cuda")
        build(Problem(3, 1300, density, pattern=pattern), "cuda")
        build(Problem(1, 1, 1.0 if ":" not in pattern else density, pattern=pattern), "cuda")
