"""Lines with bands, one per format."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from spmvbench.curves import INTERVALS, Curve, Floats, curve
from spmvbench.plots.ends import End
from spmvbench.plots.style import dash, order, short, stores, style

_NEEDED = ("format", "problem", "stored", "dtype", "value_dtype", "lossless")

MOST_PANELS = 4
"""Above as many shapes a figure shows the median over all of them."""


@dataclass(frozen=True)
class Quantity:
    """What a figure shows against x: a column, times a factor. `by`: the column of x."""

    column: str
    factor: float = 1.0
    by: str = "density"


@dataclass(frozen=True)
class Line:
    """A format's curve in one panel; None where it has no value there."""

    name: str
    curve: Curve | None
    look: dict[str, Any]
    note: str

    @property
    def end(self) -> End:
        """Where its label belongs."""
        point = None
        if self.curve is not None and np.isfinite(self.curve.value).any():
            last = int(np.flatnonzero(np.isfinite(self.curve.value))[-1])
            point = (float(self.curve.x[last]), float(self.curve.value[last]))
        return End(short(self.name), self.note, point, self.look)


def lines(rows: pd.DataFrame, quantity: Quantity, within: pd.DataFrame) -> list[Line]:
    """One line per format that `within` has, with the values of `rows`; legend order."""
    # The columns needed: pandas copies the others with every selection.
    named = (quantity.by, quantity.column, *INTERVALS.get(quantity.column, ()))
    columns = list(dict.fromkeys((*_NEEDED, *named)))
    rows, within, found = rows[columns], within[columns], []
    for name in order(within["format"]):
        own, everywhere = rows[rows["format"] == name], within[within["format"] == name]
        values = own[own[quantity.column].notna()]
        drawn = None if values.empty else _curve(values, quantity, rows)
        found.append(Line(name, drawn, look(everywhere), stores(everywhere)))
    return found


def look(rows: pd.DataFrame) -> dict[str, Any]:
    """Drawing properties of one format's line."""
    own = style(str(rows["format"].iloc[0]))
    linestyle = "none" if rows["stored"].any() else dash(rows)
    return {"color": own.color, "marker": own.marker, "linestyle": linestyle}


def _curve(values: pd.DataFrame, quantity: Quantity, within: pd.DataFrame) -> Curve:
    c, factor = curve(values, quantity.column, within, by=quantity.by), quantity.factor
    return Curve(c.x, c.value * factor, c.low * factor, c.high * factor, c.complete)


def draw_lines(axis: Axes, drawn: Collection[Line]) -> None:
    """Draw them, bands below all lines; where some problems are missing the marker is hollow."""
    for line in drawn:
        if line.curve is None:
            continue
        c, color = line.curve, line.look["color"]
        axis.fill_between(c.x, c.low, c.high, color=color, alpha=0.13, linewidth=0, zorder=1.5)
        axis.plot(c.x, c.value, **{**line.look, "marker": ""}, zorder=3)
        for mask, face in ((c.complete, color), (~c.complete, "white")):
            axis.plot(
                c.x[mask],
                c.value[mask],
                linestyle="none",
                marker=line.look["marker"],
                color=color,
                markerfacecolor=face,
                zorder=3.5,
            )


def extremes(drawn: Collection[Line]) -> Floats:
    """All values and band ends of the lines, for the limits of an axis."""
    found = [v for x in drawn if x.curve for v in (x.curve.value, x.curve.low, x.curve.high)]
    everything: Floats = np.concatenate([np.empty(0), *found])
    return everything[np.isfinite(everything)]


def notes(panels: Collection[pd.DataFrame], drawn: Collection[Line]) -> list[str]:
    """How to read lines, bands, dashes and hollow markers, as far as they are there."""
    count = max(rows["shape"].nunique() for rows in panels)
    if any(rows["stored"].any() for rows in panels):
        found = ["A point is a matrix."]
    elif count > 1:
        found = [f"Lines: median over {count} shapes; bands: smallest to largest."]
    elif max(_matrices(rows) for rows in panels) > 1:
        found = ["Lines: median over matrices of a shape; bands: smallest to largest."]
    else:
        found = ["Bands: 95 % intervals."]
    styles = {str(x.look["linestyle"]) for x in drawn}
    found += ["Dashed: stores another precision."] if "--" in styles else []
    found += ["Dotted: lossy."] if ":" in styles else []
    hollow = any(not x.curve.complete[np.isfinite(x.curve.value)].all() for x in drawn if x.curve)
    return found + (["Hollow: some problems have no value."] if hollow else [])


def _matrices(rows: pd.DataFrame) -> int:
    """How many matrices a line of the panel goes over."""
    return int(rows["problem"].nunique())
