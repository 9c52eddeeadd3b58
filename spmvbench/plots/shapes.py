"""Figures over shapes: who wins where, and by how much."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedFormatter, FixedLocator

from spmvbench.curves import Part, shapes
from spmvbench.plots.ends import End, list_labels, room
from spmvbench.plots.panelled import STORED
from spmvbench.plots.sheet import Layout, Words, shape_axis, sheet, subtitle
from spmvbench.plots.style import FAINT, INK, order, short, style
from spmvbench.winners import Verdict, verdicts

ONE_SHAPE = "it compares shapes, there is one"

CELL_WIDTH, CELL_HEIGHT = 0.62, 0.3


MOST_SHAPES = 40
"""Lines of a figure; of more shapes so many are shown, from the smallest to the largest."""


def some_shapes(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str], str]:
    """The rows of at most MOST_SHAPES shapes, the shapes, and words for a title if not all."""
    names = shapes(rows)
    if len(names) <= MOST_SHAPES:
        return rows, names, ""
    picked = [names[i] for i in np.linspace(0, len(names) - 1, MOST_SHAPES).round().astype(int)]
    return rows[rows["shape"].isin(picked)], picked, f" ({MOST_SHAPES} of {len(names)} shapes)"


def winner_map(part: Part) -> Figure | str:
    """The fastest lossless format by density and shape, its speed-up written in the cell."""
    rows, names, some = some_shapes(part.timed)
    if len(names) < 2:
        return ONE_SHAPE
    if rows["stored"].any():
        return STORED
    densities = np.sort(rows["density"].unique())
    cells = verdicts(rows, ["shape", "density"])
    ends = _legend(cells)
    layout = Layout(
        width=CELL_WIDTH * len(densities),
        height=CELL_HEIGHT * len(names),
        left=1.7,
        right=room(ends),
    )
    shown = Part(part.condition, rows, part.others)
    title = f"The fastest format by density and shape{some}"
    words = Words(title, subtitle(shown), _reading(cells))
    made = sheet(words, layout)
    (axis,) = made.panels
    for (shape, density), found in cells.items():
        if found:
            _cell(axis, int(np.searchsorted(densities, density)), names.index(shape), found)
    _frame(axis, [f"{d:g}" for d in densities], names)
    list_labels(axis, [("fastest", ends)])
    return made.figure


def _reading(cells: dict[Any, Verdict | None]) -> list[str]:
    if all(v is None or v.kind == "alone" for v in cells.values()):
        return ["Numbers: microseconds; there is no dense row to compare with."]
    found = ["Numbers: times as fast as the fastest dense format of the same precision."]
    unclear = any(v and v.kind == "unclear" for v in cells.values())
    return found + (["Grey: sparse and dense cannot be told apart."] if unclear else [])


def _cell(axis: Axes, x: int, y: int, found: Verdict) -> None:
    color = FAINT if found.kind == "unclear" else style(found.best.format).color
    axis.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=color, edgecolor="white"))
    value, ink = found.best.speedup, "white" if _luminance(color) < 0.4 else INK
    text = f"{found.best.time_us:.3g}" if np.isnan(value) else times(value)
    axis.text(x, y, text, size=10, color=ink, ha="center", va="center_baseline")


def times(value: float) -> str:
    """A speed-up in three digits: `0.94`, `1.31`, `12.4`, `128`."""
    places = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{places}f}"


def _luminance(color: str) -> float:
    """Of `#rrggbb`, relative to white, roughly."""
    red, green, blue = (float(int(color[i : i + 2], 16) / 255) ** 2 for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _frame(axis: Axes, densities: list[str], names: list[str]) -> None:
    shape_axis(axis, names)
    axis.set_xlim(-0.5, len(densities) - 0.5)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    axis.xaxis.set_major_locator(FixedLocator(range(len(densities))))
    axis.xaxis.set_major_formatter(FixedFormatter(densities))
    axis.set_xlabel("density (share of non-zeros)")


def _legend(cells: dict[Any, Verdict | None]) -> list[End]:
    """Formats that win somewhere, with the number of cells."""
    found = pd.Series([v.best.format if v.kind != "unclear" else "" for v in cells.values() if v])
    count = found.value_counts()
    patch = {"linestyle": "none", "marker": "s", "markersize": 11, "markeredgewidth": 0}
    ends = []
    for name in [*order(n for n in count.index if n), *(["not clear"] if "" in count else [])]:
        number = count["" if name == "not clear" else name]
        color = FAINT if name == "not clear" else style(name).color
        ends.append(End(short(name), f"{number} of {len(found)}", None, {**patch, "color": color}))
    return ends
