"""Figure of sizes: effective density as counted, beside what theory says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from spmvbench.curves import Floats, Part
from spmvbench.dtypes import itemsize
from spmvbench.plots.ends import End, list_labels, room
from spmvbench.plots.lines import Line, Quantity, lines
from spmvbench.plots.panelled import ONE_DENSITY
from spmvbench.plots.sheet import Layout, Words, density_axis, sheet, subtitle
from spmvbench.plots.style import INK, MUTED, style
from spmvbench.theory import CURVES

TOP = 1.3
"""Where the axis ends: how much larger than dense a format is matters little."""

LIKE = {"CSR, 16-bit columns": "csr16", "MACKO, expected": "macko", "bitmap": "bitmap"}
"""Theory in the colour of the format it describes; the rest is grey."""

DOTTED = "entropy limit"

WIDTH, HEIGHT = 6.4, 4.9


@dataclass(frozen=True)
class _Theory:
    label: str
    x: Floats
    y: Floats
    look: dict[str, Any]


def effective_density(part: Part) -> Figure | str:
    """Packed bytes over dense bytes: markers are counted, thin lines are theory."""
    rows = part.timed[part.timed["effective_density"].notna()]
    if rows["density"].nunique() < 2:
        return ONE_DENSITY
    theory = _theories(8 * itemsize(part.condition.dtype), _cols(rows))
    # Dense rows of the problem's dtype are the line at 1.
    packed = rows[~(rows["dense"] & (rows["effective_density"] == 1))]
    counted = [_as_marker(x) for x in lines(packed, Quantity("effective_density"), packed)]
    words = Words("Bytes against dense: effective density", subtitle(part), _notes(rows))
    known = [End(curve.label, "", None, curve.look) for curve in theory]
    known.append(End("dense", "", None, {"color": INK, "linewidth": 1.6}))
    ends = [_end(x) for x in counted]
    made = sheet(words, Layout(width=WIDTH, height=HEIGHT, right=room([*ends, *known]), head=0.2))
    (axis,) = made.panels
    _axes(axis, rows["density"].unique().astype(float))
    axis.axhline(1, color=INK, linewidth=1.6, zorder=1.9)
    for curve in theory:
        axis.plot(curve.x, curve.y, **curve.look, zorder=2)
    _markers(axis, counted)
    list_labels(axis, [("counted", ends), (f"theory, {part.condition.dtype} values", known)])
    return made.figure


def _notes(rows: pd.DataFrame) -> list[str]:
    dtype, least, most = rows["dtype"].iloc[0], rows["cols"].min(), rows["cols"].max()
    others = f" (measured: {least:,} to {most:,})" if least < most else ""
    theory = f"{dtype} values and {_cols(rows):,} columns{others}"
    over = ", median over shapes" if rows["shape"].nunique() > 1 else ""
    return [f"Markers: counted{over}.  Lines: theory for {theory}."]


def _cols(rows: pd.DataFrame) -> int:
    """The width that theory is drawn for: the middle one of those measured, the lower of two."""
    return int(rows["cols"].quantile(interpolation="lower"))


def _as_marker(line: Line) -> Line:
    """Without a line and hollow, so that formats of the same size show through each other."""
    own = {"linestyle": "none", "markerfacecolor": "none", "markersize": 7.5}
    return replace(line, look={**line.look, **own})


def _end(line: Line) -> End:
    """The label, with the largest value where that is off the axis."""
    top = np.nanmax(line.curve.value) if line.curve else 0.0
    above = f"up to {top:.2g}" if top > TOP else ""
    return replace(line.end, note=", ".join(word for word in (line.note, above) if word))


def _theories(bits: int, cols: int) -> list[_Theory]:
    x = np.linspace(0, 1, 201)
    found = []
    for label, curve in CURVES.items():
        color = style(LIKE[label]).color if label in LIKE else MUTED
        look: dict[str, Any] = {"color": color, "linewidth": 1.1}
        look["linestyle"] = (0, (1, 1.5)) if label == DOTTED else "-"
        found.append(_Theory(label, x, curve(x, value_bits=bits, cols=cols), look))
    return found


def _axes(axis: Axes, densities: Floats) -> None:
    density_axis(axis, densities, WIDTH)
    axis.set_xlim(left=0)
    axis.set_ylim(0, TOP)
    axis.yaxis.set_major_locator(MultipleLocator(0.25))
    axis.grid(True, axis="y")
    axis.set_xlabel("density (share of non-zeros)")
    axis.set_ylabel("effective density (packed bytes / dense bytes)")


def _markers(axis: Axes, counted: Sequence[Line]) -> None:
    """A marker at each density, and a bar from the smallest to the largest matrix."""
    for line in counted:
        if line.curve:
            c, color = line.curve, line.look["color"]
            axis.vlines(c.x, c.low, c.high, color=color, linewidth=1, zorder=2.5)
            axis.plot(c.x, c.value, **line.look, zorder=3)
