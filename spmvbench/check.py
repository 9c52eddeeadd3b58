"""Right before fast: a product against float64, row by row, under the bound of its own rounding.

A bound over a whole row is blind on long rows: at 12,288 non-zeros rounding alone may move y by
more than one dropped value does. So the product is also checked with x zero outside one block of
512 columns, for every block. And where A and x lie on coarse grids, as generated ones do, no
partial sum of a block can round at all, in any order: then the bound is zero, and one dropped,
doubled or shifted value among any number is caught.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spmvbench.dtypes import HALF_SUBNORMAL, ROUNDOFF, Array, is_on_host, to_host
from spmvbench.formats.base import Precision
from spmvbench.problems.build import has_subnormals
from spmvbench.problems.chunks import DEVICE_CHUNK
from spmvbench.problems.patterns import GRID
from spmvbench.problems.vectors import STEP

BLOCK = 512
CHUNK = 1 << 20

Float = npt.NDArray[np.float64]
Product = Callable[[Array], Float]
"""`product(x) -> y`, as the format computes it: x (cols, batch) float32, y (rows, batch) double."""


@dataclass(frozen=True)
class Expected:
    """The product over columns `start` to `stop`, in float64.

    Shapes: y and magnitude (rows, batch), terms and on_grid (rows,).
    `magnitude` is |A| |x|; `terms` counts non-zeros; `on_grid`: values are multiples of GRID.
    """

    start: int
    stop: int
    y: Float
    magnitude: Float
    terms: npt.NDArray[np.int64]
    on_grid: npt.NDArray[np.bool_]

    def bound(self, precision: Precision) -> Float:
        """The largest error a correct product may have, per entry of y, in any order of summation.

        Of n terms each is rounded n times at most: by its multiplication and n - 1 additions. A
        scale rounds it once more, whether it multiplies the term, the sum of a group of terms (the
        groups' sums take no additions that the terms would not), or the whole sum.
        Source: Higham, Accuracy and Stability of Numerical Algorithms, section 3.1 (gamma_n).
        """
        u = ROUNDOFF[precision.accumulate]
        n = self.terms[:, None] + precision.roundings
        nu = np.minimum(n * u, 0.5)  # past that the bound says nothing, and then turns negative
        exact = self.on_grid[:, None] & (self.magnitude <= GRID * STEP / u)
        sums = np.where(exact, 0.0, nu / (1 - nu) * self.magnitude)
        sums += n * HALF_SUBNORMAL[precision.accumulate]
        if precision.y == precision.accumulate:
            return sums
        return sums + ROUNDOFF[precision.y] * (abs(self.y) + sums) + HALF_SUBNORMAL[precision.y]


@dataclass(frozen=True)
class Fault:
    """The entry of y that is furthest off: `share` of its bound, above 1 is wrong."""

    share: float
    row: int = 0
    column: int | None = None
    seen: float = 0.0
    expected: float = 0.0
    where: str = ""

    def __str__(self) -> str:
        """The place, what was seen there and what was expected."""
        place = f"row {self.row}" + ("" if self.column is None else f", column {self.column}")
        return f"{place}: saw {self.seen:.9g}, expected {self.expected:.9g}{self.where}"


def expect(dense: Array, x: Array, others: Sequence[Array] = ()) -> list[list[Expected]]:
    """What A x must be: for `x` the whole product, then each block of columns; others: the whole.

    One pass over A in row chunks, so that A in float64 is never in memory. Where A is on a device,
    it is done there, and the results are on the host.
    Shapes: dense (rows, cols), x (cols, batch).
    """
    cols = dense.shape[1]
    edges = [(s, min(s + BLOCK, cols)) for s in range(0, cols, BLOCK)]
    # Without elements: libraries differ in whether they refuse it. And CuPy makes subnormals zero.
    if not is_on_host(dense) and (not dense.size or has_subnormals(dense)):
        dense = to_host(dense)
    x, *others = (_beside(vector, dense) for vector in (x, *others))
    rows = max(1, (CHUNK if is_on_host(dense) else DEVICE_CHUNK) // max(cols, 1))
    parts = [
        _chunk(dense[r : r + rows].astype(np.float64), x, others, edges)
        for r in range(0, max(dense.shape[0], 1), rows)
    ]
    return [
        [_stack(pieces) for pieces in zip(*column, strict=True)]
        for column in zip(*parts, strict=True)
    ]


def _beside(x: Array, dense: Array) -> Array:
    """x where the matrix is."""
    if is_on_host(dense):
        return x
    import cupy

    there: Array = cupy.asarray(x)
    return there


def _chunk(
    a: Float, x: Array, others: Sequence[Array], edges: list[tuple[int, int]]
) -> list[list[Expected]]:
    finite = np.isfinite(a)
    scaled = a / GRID
    with np.errstate(invalid="ignore"):
        on_grid = (np.rint(scaled) == scaled).all(axis=1)
    counts = [(a[:, s:e] != 0).sum(axis=1) for s, e in edges]
    strange = (~finite).sum(axis=1)
    terms = sum(counts, np.zeros_like(strange))
    wholes = [_product(a, v, 0, a.shape[1], terms, on_grid) for v in (x, *others)]
    blocks = []
    for (s, e), n in zip(edges, counts, strict=True):
        block = _product(a[:, s:e], x[s:e], s, e, n, on_grid)
        # A stored Inf or NaN elsewhere in the row is multiplied by a zero of x: NaN.
        outside = strange > (~finite[:, s:e]).sum(axis=1)
        block.y[outside] = np.nan
        blocks.append(block)
    return [[wholes[0], *blocks], *[[whole] for whole in wholes[1:]]]


def _product(a: Float, x: Array, start: int, stop: int, terms: Array, on_grid: Array) -> Expected:
    with np.errstate(invalid="ignore"):
        y = a @ x.astype(np.float64)
        magnitude = abs(a) @ abs(x).astype(np.float64)
    return Expected(start, stop, y, magnitude, terms, on_grid)


def _stack(pieces: tuple[Expected, ...]) -> Expected:
    first = pieces[0]
    return Expected(
        first.start,
        first.stop,
        *(
            np.concatenate([to_host(getattr(p, name)) for p in pieces])
            for name in ("y", "magnitude", "terms", "on_grid")
        ),
    )


def distance(dense: Array, stored: Array) -> float:
    """The largest |stored - dense| as a share of the largest |dense|, where that is finite.

    Both are on the host, or both on a device.
    """
    if not dense.size:
        return 0.0
    given, kept = dense.astype(np.float32), stored.astype(np.float32)
    finite = np.isfinite(given)
    largest = float(np.where(finite, abs(given), 0).max()) or 1.0
    with np.errstate(invalid="ignore"):
        far = abs(kept - given)
    return float(np.where(finite, far, 0).max()) / largest


def judge(y: Float, expected: Expected, precision: Precision) -> Fault:
    """The worst entry of y. NaN must be where NaN is expected, and Inf where Inf is."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        error = abs(y - expected.y)
        share = np.where(error == 0, 0.0, error / expected.bound(precision))
        same = (y == expected.y) | (np.isnan(y) & np.isnan(expected.y))
    share = np.where(same, 0.0, np.where(np.isfinite(expected.y) & np.isfinite(y), share, np.inf))
    if share.size == 0:
        return Fault(0.0)
    row, column = np.unravel_index(int(np.argmax(share)), share.shape)
    batch = f" (column {column} of x)" if share.shape[1] > 1 else ""
    return Fault(
        float(share[row, column]),
        int(row),
        None,
        float(y[row, column]),
        float(expected.y[row, column]),
        batch,
    )


def check(
    product: Product, dense: Array, x: Array, expected: Sequence[Expected], precision: Precision
) -> Fault:
    """The worst entry of the whole product and of each block; when one is wrong, its column too.

    `expected` is what `expect` gave for this x: the whole, then the blocks. A wrong block says more
    than a wrong whole, so it is preferred.
    """
    worst, where = Fault(0.0), expected[0]
    for part in expected:
        fault = judge(product(_only(x, part.start, part.stop)), part, precision)
        if fault.share > 1 and part is not expected[0]:
            return _locate(product, dense, x, part, fault, precision)
        if fault.share > worst.share:
            worst, where = fault, part
    if worst.share > 1:
        return _locate(product, dense, x, where, worst, precision)
    return worst


def _locate(
    product: Product, dense: Array, x: Array, part: Expected, fault: Fault, precision: Precision
) -> Fault:
    """The same fault with the column that causes it, found by halving the columns of x in use.

    Several wrong columns: one of them. A fault that does not show in either half: no column.
    """
    row = to_host(dense[fault.row : fault.row + 1]).astype(np.float64)
    if not np.isfinite(row).all():
        return fault
    start, stop, found = part.start, part.stop, fault
    while stop - start > 1:
        middle = (start + stop) // 2
        for s, e in ((start, middle), (middle, stop)):
            y = product(_only(x, s, e))[fault.row : fault.row + 1]
            half = judge(y, expect(row[:, s:e], x[s:e])[0][0], precision)
            if half.share > 1:
                start, stop, found = s, e, half
                break
        else:
            return fault
    return replace(found, row=fault.row, column=start)


def _only(x: Array, start: int, stop: int) -> Array:
    """x with zeros outside of `start` to `stop`."""
    kept = np.zeros_like(x)
    kept[start:stop] = x[start:stop]
    return kept
