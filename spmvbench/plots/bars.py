"""Figure of speed-ups shape by shape: bars, or dots when there would be too many bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spmvbench.curves import Floats, Part, against, baselines
from spmvbench.plots.ends import End, list_labels, room
from spmvbench.plots.lines import Line, Quantity, lines
from spmvbench.plots.panelled import NO_DENSE, STORED
from spmvbench.plots.shapes import ONE_SHAPE, some_shapes
from spmvbench.plots.sheet import Layout, Words, ratio_axis, shape_axis, sheet, subtitle
from spmvbench.plots.style import INK, MUTED

FACETS = 4
MOST_BARS = 60
"""In one facet; above, each format is a dot on its shape's line."""

BAR, DOT_LINE = 0.15, 0.27
"""Inches: height of a bar, distance of two lines of dots."""


def shape_bars(part: Part) -> Figure | str:
    """Speed-up of every format on every shape, one facet per density."""
    rows, names, some = some_shapes(part.timed[part.timed["speedup"] > 0])
    named = baselines(rows)
    reason = _too_little(rows, names, named)
    if reason:
        return reason
    rows = rows.assign(place=[float(names.index(shape)) for shape in rows["shape"]])
    densities = pick(np.sort(rows["density"].unique()))
    facets = [_lines(rows[rows["density"] == d], rows, named) for d in densities]
    bars = len(names) * len(facets[0]) <= MOST_BARS
    line = BAR * (len(facets[0]) + 1.2) if bars else DOT_LINE
    over = against(rows)
    shown = Part(part.condition, rows, part.others)
    words = Words(f"Speed-up over {over} by shape{some}", subtitle(shown), _reading(rows, bars))
    ends = [_label(one, bars) for one in facets[0]]
    size = (len(densities), 1, 2.9, line * len(names))
    made = sheet(words, Layout(*size, left=1.7, right=room(ends)))
    limits = rows[["speedup", "speedup_low", "speedup_high"]].to_numpy(float).ravel()
    for axis, density, drawn in zip(made.panels, densities, facets, strict=True):
        _axes(axis, names, limits, f"times as fast as {over}")
        axis.set_title(f"density {density:g}", size=11.5, loc="left")
        for slot, one in enumerate(drawn):
            _bars(axis, one, slot, len(drawn)) if bars else _dots(axis, one)
    list_labels(made.panels[-1], [("format", ends)])
    return made.figure


def _too_little(rows: pd.DataFrame, names: list[str], named: list[str]) -> str:
    if not named:
        return NO_DENSE
    if len(names) < 2:
        return ONE_SHAPE
    return STORED if rows["stored"].any() else ""


def _lines(own: pd.DataFrame, rows: pd.DataFrame, named: list[str]) -> list[Line]:
    found = lines(own, Quantity("speedup", by="place"), rows)
    return [line for line in found if [line.name] != named]


def _label(line: Line, bars: bool) -> End:
    patch = {"marker": "s", "markersize": 11, "markeredgewidth": 0} if bars else {}
    look: dict[str, Any] = {**line.look, "linestyle": "none", **patch}
    return replace(line.end, point=None, look=look)


def pick(values: Floats, most: int = FACETS) -> list[float]:
    """All values, or that many of them, evenly spread and off the ends."""
    count = min(len(values), most)
    return [float(values[(2 * i + 1) * len(values) // (2 * count)]) for i in range(count)]


def _reading(rows: pd.DataFrame, bars: bool) -> list[str]:
    several = rows.groupby(["shape", "density"])["problem"].nunique().max() > 1
    what = "smallest to largest matrix" if several else "95 % intervals"
    found = [f"{'Bars' if bars else 'Dots'}: {'median' if several else 'measured'}; lines: {what}."]
    special = (rows["value_dtype"] != rows["dtype"]) | ~rows["lossless"]
    return found + (["Hatched: another precision, or lossy."] if bars and special.any() else [])


def _axes(axis: Axes, names: Sequence[str], values: Floats, label: str) -> None:
    ratio_axis(axis, values, along="x")
    shape_axis(axis, names)
    axis.spines["left"].set_visible(False)
    axis.axvline(1, color=INK, linewidth=1.6, zorder=2.5)
    axis.grid(True, axis="both")
    axis.set_xlabel(label)


def _bars(axis: Axes, line: Line, slot: int, slots: int) -> None:
    """One bar per shape from 1 to the speed-up; `slot` of `slots` places a shape has."""
    if line.curve is None:
        return
    c = line.curve
    y = c.x + (slot - (slots - 1) / 2) / (slots + 1.2)
    hatch = "///" if line.note else ""
    color = line.look["color"]
    look = {"facecolor": "white" if hatch else color, "edgecolor": color, "hatch": hatch}
    axis.barh(y, c.value - 1, 0.9 / (slots + 1.2), left=1, linewidth=0.8, zorder=2, **look)
    axis.hlines(y, c.low, c.high, color=MUTED, linewidth=1.2, zorder=3)


def _dots(axis: Axes, line: Line) -> None:
    if line.curve is None:
        return
    c, color = line.curve, line.look["color"]
    axis.hlines(c.x, c.low, c.high, color=color, linewidth=1.2, zorder=2.8)
    axis.plot(c.value, c.x, **{**line.look, "linestyle": "none"}, markersize=5.5, zorder=3)
