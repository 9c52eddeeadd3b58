"""How long each format is likely to take on a GPU, from the table choices.csv.

A line of the table is a median time of one format on one uniform matrix. `origin` says where it is
from: `predicted`, or `measured` with the experiment and the environment of the record. The table is
written by `python tests/gpu/choices.py`, which also says what the prediction assumes.

Times between those of the table, per format:

1. The lines with as many bits a value.
2. Of these the ones of this device, else of the device most alike: the one whose number of
   multiprocessors is nearest, as a ratio; of equals a measured one. Its times are taken as they
   are: only which of them is the smallest counts.
3. Of these the ones with the nearest batch, as a ratio; of two the larger.
4. Of these the shapes of the same family: `tall` has at least two rows a column, `wide` two columns
   a row, `square` is between. All shapes, where the format has none of the family.
5. At each shape the time is piecewise linear in density, and constant outside of the table's.
6. Between shapes the logarithm of time is piecewise linear in the logarithm of rows x cols. Below
   the smallest shape time is constant; above the largest it grows as the elements do. Shapes of as
   many elements are one: the geometric mean.

At a shape, density, batch and type of the table the time is that of the line.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from pathlib import Path
from statistics import fmean

import numpy as np

TABLE = Path(__file__).parent / "choices.csv"
PREDICTED = "predicted"

Shape = tuple[int, int]
Curve = list[tuple[float, float]]
"""Density and microseconds."""


@dataclass(frozen=True)
class Line:
    """A line of the table. `bits`: of a stored value."""

    device: str
    multiprocessors: int
    bits: int
    batch: int
    format: str
    rows: int
    cols: int
    density: float
    median_us: float
    origin: str


@dataclass(frozen=True)
class Product:
    """What is to be multiplied, and where."""

    device: str
    multiprocessors: int
    bits: int
    batch: int
    rows: int
    cols: int
    density: float


def read(path: Path) -> tuple[Line, ...]:
    """The lines of a table."""
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(map(_line, csv.DictReader(file)))


@functools.cache
def table() -> tuple[Line, ...]:
    """The lines of the table that comes with the package."""
    return read(TABLE)


def times_us(product: Product, lines: Sequence[Line]) -> dict[str, float]:
    """The likely time of each format of the table, by rising time; see the module."""
    curves: dict[str, dict[Shape, Curve]] = {}
    for line in _alike(product, lines):
        curve = curves.setdefault(line.format, {}).setdefault((line.rows, line.cols), [])
        curve.append((line.density, line.median_us))
    found = {name: _time_us(product, shapes) for name, shapes in curves.items()}
    return dict(sorted(found.items(), key=lambda one: one[1]))


def family(shape: Shape) -> str:
    """`tall`, `wide` or `square`; see the module."""
    rows, cols = shape
    if rows >= 2 * cols:
        return "tall"
    return "wide" if cols >= 2 * rows else "square"


def _line(cells: Mapping[str, str]) -> Line:
    return Line(
        cells["device"],
        int(cells["multiprocessors"]),
        int(cells["bits"]),
        int(cells["batch"]),
        cells["format"],
        int(cells["rows"]),
        int(cells["cols"]),
        float(cells["density"]),
        float(cells["median_us"]),
        cells["origin"],
    )


def _alike(product: Product, lines: Sequence[Line]) -> list[Line]:
    """The lines to interpolate between: steps 1 to 3."""
    lines = [line for line in lines if line.bits == product.bits]
    own = [line for line in lines if line.device == product.device]
    if not own and lines:
        like = min(lines, key=lambda line: _unlike(line, product))
        own = [line for line in lines if line.device == like.device]
    batches = {line.batch for line in own}
    nearest = min(batches, key=lambda one: (_ratio(one, product.batch), -one), default=1)
    return [line for line in own if line.batch == nearest]


def _unlike(line: Line, product: Product) -> tuple[float, bool]:
    ratio = _ratio(line.multiprocessors, product.multiprocessors)
    return ratio, line.origin == PREDICTED


def _ratio(one: int, other: int) -> float:
    """How many times as large the larger one is."""
    return max(one, other) / min(one, other)


def _time_us(product: Product, shapes: Mapping[Shape, Curve]) -> float:
    """Steps 4 to 6, of one format."""
    own = (product.rows, product.cols)
    kin = {shape: curve for shape, curve in shapes.items() if family(shape) == family(own)}
    logs: dict[float, list[float]] = {}
    for (rows, cols), curve in (kin or shapes).items():
        us = _between(product.density, curve)
        logs.setdefault(log(rows * cols), []).append(log(us))
    size = log(max(product.rows * product.cols, 1))
    time = _between(size, [(known, fmean(us)) for known, us in logs.items()])
    return exp(time + max(size - max(logs), 0.0))


def _between(x: float, points: Iterable[tuple[float, float]]) -> float:
    """Piecewise linear in x, and constant outside of the points."""
    xs, ys = zip(*sorted(points), strict=True)
    return float(np.interp(x, xs, ys))
