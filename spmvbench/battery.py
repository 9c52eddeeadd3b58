"""The matrices that judge every format, each named after the mistake it catches.

All values are multiples of GRID (but where the name says otherwise), so that the checker can demand
exact sums. Built anew at each call: nobody can spoil a matrix for the next format.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spmvbench.dtypes import DTYPES, Array
from spmvbench.problems import Problem, build
from spmvbench.problems.patterns import GRID

Build = Callable[[str], Array]


def _generated(rows: int, cols: int, density: float, pattern: str = "uniform") -> Build:
    return lambda dtype: build(Problem(rows, cols, density, dtype=dtype, pattern=pattern))


def _entries(rows: int, cols: int, places: list[tuple[int, int]]) -> Build:
    """A matrix with distinct values at these places and zeros elsewhere."""

    def make(dtype: str) -> Array:
        dense = np.zeros((rows, cols), np.float32)
        for i, (r, c) in enumerate(places):
            dense[r, c] = (2 * i + 1) * GRID
        return dense.astype(DTYPES[dtype])

    return make


def _with(make: Build, change: Callable[[Array], None]) -> Build:
    def changed(dtype: str) -> Array:
        dense = make(dtype)
        change(dense)
        return dense

    return changed


def _minus_zeros(dense: Array) -> None:
    dense[dense == 0] = -0.0


def _specials(dense: Array) -> None:
    dense[1, 3], dense[4, 70], dense[6, 0], dense[6, 99] = np.nan, np.inf, np.inf, -np.inf


def _extremes(dense: Array) -> None:
    """Values whose sums and products still fit float32, one row of each."""
    tiny, huge = (2.0**-24, 2.0**14) if dense.dtype == np.float16 else (2.0**-100, 2.0**98)
    dense[:2] = 0
    dense[0, [1, 40]] = tiny, -tiny
    dense[1, [2, 77]] = huge, -huge / 2


def _gaps(*gaps: int) -> Build:
    """One row a gap: an entry, that many zeros, an entry."""
    width = max(gaps) + 2
    return _entries(len(gaps), width, [(r, c) for r, g in enumerate(gaps) for c in (0, g + 1)])


def _staircase(rows: int) -> Build:
    """Row r has r entries: every row start and length modulo 8, 16, 32 occurs."""
    return _entries(rows, rows, [(r, c) for r in range(rows) for c in range(r)])


BATTERY: dict[str, Build] = {
    "one element": _entries(1, 1, [(0, 0)]),
    "all zero": _entries(9, 70, []),
    "no columns": _entries(5, 0, []),
    "one row": _generated(1, 300, 0.5),
    "one column": _generated(300, 1, 0.5),
    "rows not a multiple of 32": _generated(33, 200, 0.5),
    "columns not a multiple of 64": _generated(40, 131, 0.5),
    "every element stored": _generated(37, 129, 1.0),
    "first column only": _entries(8, 100, [(r, 0) for r in range(8)]),
    "last column only": _entries(8, 100, [(r, 99) for r in range(8)]),
    "empty rows at both ends": _entries(12, 90, [(r, 7 * r) for r in range(3, 9)]),
    "gaps around 16 and 32": _gaps(13, 14, 15, 16, 17, 30, 31, 32, 33, 47, 48, 49),
    "gaps around 64 and 256": _gaps(62, 63, 64, 65, 127, 128, 254, 255, 256, 257, 511, 512),
    "rows of every length": _staircase(70),
    "some rows empty": _generated(64, 256, 0.3, "empty-rows"),
    "one heavy row": _generated(64, 2048, 0.05, "heavy-row"),
    "power law": _generated(128, 512, 0.1, "power-law"),
    "banded": _generated(96, 96, 0.2, "banded"),
    "2:4": _generated(32, 256, 0.5, "2:4"),
    "very sparse": _generated(64, 4096, 0.01),
    "few long rows": _generated(70, 3000, 0.7),
    "a row of 12,288": _generated(3, 12288, 0.9),
    "65,537 columns": _generated(3, 65537, 0.02),
    "minus zeros": _with(_generated(20, 100, 0.5), _minus_zeros),
    "NaN and Inf": _with(_generated(8, 100, 0.5), _specials),
    "smallest and largest values": _with(_generated(8, 100, 0.5), _extremes),
}
"""By name; `BATTERY[name](dtype)` gives the matrix as (rows, cols) in that dtype."""
