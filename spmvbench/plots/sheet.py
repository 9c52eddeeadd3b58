"""A figure before anything is drawn in it: title, subtitle, panels, footnote, axes with units."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from spmvbench.curves import Floats, Part
from spmvbench.plots.style import MUTED

NBSP = "\N{NO-BREAK SPACE}"

LEAST_WIDTH = 7.5
"""Inches: enough for title and subtitle of a figure that is small."""

TITLE, SUBTITLE, NOTE = 15, 10.5, 9.5


@dataclass(frozen=True)
class Words:
    """The texts of a figure. `notes` say how to read it, one sentence each."""

    title: str
    subtitle: str
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Layout:
    """Panels and margins in inches. `right` is the room for labels, `head` for panel titles."""

    columns: int = 1
    rows: int = 1
    width: float = 5.8
    height: float = 4.0
    left: float = 1.05
    right: float = 2.6
    bottom: float = 0.62
    gap: float = 0.3
    head: float = 0.4


@dataclass(frozen=True)
class Sheet:
    """A figure and its panels, row by row."""

    figure: Figure
    panels: list[Axes]


def sheet(words: Words, layout: Layout) -> Sheet:
    """An empty sheet; panels share both axes, and the texts never touch them."""
    panels = layout.columns * layout.width + (layout.columns - 1) * layout.gap
    width = max(layout.left + panels + layout.right, LEAST_WIDTH)
    margin = width - layout.left - panels
    title, subtitle = _wrap(words.title, width, TITLE), _wrap(words.subtitle, width, SUBTITLE)
    note = _wrap("  ".join(words.notes), width, NOTE)
    top = 0.15 + _inches(title, TITLE) + _inches(subtitle, SUBTITLE) + layout.head
    bottom = layout.bottom + _inches(note, NOTE) + 0.1
    between = 0.75
    height = top + layout.rows * layout.height + (layout.rows - 1) * between + bottom
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    figure.text(0.2 / width, 1 - 0.15 / height, title, size=TITLE, weight="bold", va="top")
    below = 0.2 + _inches(title, TITLE)
    figure.text(0.2 / width, 1 - below / height, subtitle, size=SUBTITLE, color=MUTED, va="top")
    figure.text(0.2 / width, 0.1 / height, note, size=NOTE, color=MUTED, va="bottom")
    grid = figure.add_gridspec(
        layout.rows,
        layout.columns,
        left=layout.left / width,
        right=1 - margin / width,
        top=1 - top / height,
        bottom=bottom / height,
        wspace=layout.gap / layout.width,
        hspace=between / layout.height,
    )
    axes = grid.subplots(sharex=True, sharey=True, squeeze=False)
    return Sheet(figure, list(axes.flat))


def _wrap(text: str, width: float, size: float) -> str:
    """Lines that fit; DejaVu Sans is 0.56 em wide on average, a bold one 0.63."""
    em = size / 72 * (0.65 if size == TITLE else 0.56)
    return "\n".join(textwrap.wrap(text, max(20, int((width - 0.4) / em)), break_on_hyphens=False))


def _inches(text: str, size: float) -> float:
    return (text.count("\n") + 1) * size * 1.25 / 72 if text else 0.0


def subtitle(part: Part, *more: str) -> str:
    """Device, condition and how many problems: what every figure has to say.

    Also where rows were not measured alike: by other rules, or in another environment.
    """
    rows = part.timed
    count = rows["key"].nunique()
    words = [*part.condition.words, *more, f"{count} problem{'s' * (count != 1)}"]
    mixed = {name: rows[name].nunique() for name in ("protocol", "environment")}
    words += [f"{n} {name}s" for name, n in mixed.items() if n > 1]
    return f"{NBSP}· ".join(word.replace(" ", NBSP) for word in words)


SLOWEST = 0.05
"""Lowest speed-up that has a place on an axis: one hopeless format must not squeeze the rest."""

POWERS = tuple(2.0**k for k in range(-12, 13))
FINE = (0.25, 0.35, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4)
TICKS = (FINE, POWERS, POWERS[::2], POWERS[::4])


def ratio_axis(axis: Axes, values: Floats, *, along: str = "y", room: float = 0.0) -> None:
    """A log-2 axis in multiples, 1 always on it. `room`: share of it kept free at the low end."""
    valid = np.log2(values[np.isfinite(values) & (values > 0)])
    low, high = min(valid.min(initial=0.0), -0.15), max(valid.max(initial=0.0), 0.15)
    low = max(low, float(np.log2(SLOWEST)))
    pad = 0.04 * (high - low)
    low, high = low - pad, high + pad
    most = 9 if along == "y" else 5
    possible = ([t for t in tier if low <= np.log2(t) <= high] for tier in TICKS)
    ticks = next(found for found in possible if 1 in found and len(found) <= most)
    low -= room * (high - low) / (1 - room)
    own = axis.yaxis if along == "y" else axis.xaxis
    axis.set(**{f"{along}scale": "log"})
    axis.set(**{f"{along}lim": (2**low, 2**high)})
    own.set_major_locator(FixedLocator(ticks))
    own.set_major_formatter(FixedFormatter([f"{t:.3g}x" for t in ticks]))
    own.set_minor_locator(NullLocator())
    axis.grid(True, axis="x" if along == "x" else "y")


def density_axis(axis: Axes, densities: Floats, width: float) -> None:
    """A linear x axis with a tick at every measured density, labelled where there is room.

    Where there is none, a short label goes before a long one: 0.1 before 0.05.
    `width`: of the axis in inches.
    """
    low, high = float(np.min(densities)), float(np.max(densities))
    pad = 0.03 * (high - low) or 0.05
    axis.set_xlim(low - pad, high + pad)
    inch = width / (high - low + 2 * pad)
    labels: dict[float, str] = {}
    for d in sorted(map(float, densities), key=lambda d: (len(f"{d:g}"), d)):
        text = f"{d:g}"
        if all(abs(d - e) * inch >= 0.04 * len(text + t) + 0.1 for e, t in labels.items()):
            labels[d] = text
    ticks = [float(d) for d in np.sort(densities)]
    axis.xaxis.set_major_locator(FixedLocator(ticks))
    axis.xaxis.set_major_formatter(FixedFormatter([labels.get(d, "") for d in ticks]))


def shape_axis(axis: Axes, names: Sequence[str]) -> None:
    """A y axis with a shape on each line, the first on top; its title stands above the names."""
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.yaxis.set_major_locator(FixedLocator(range(len(names))))
    axis.yaxis.set_major_formatter(FixedFormatter(names))
    axis.tick_params(axis="y", length=0)
    place = axis.get_subplotspec()
    axis.annotate(
        "rows x cols" if place and place.is_first_col() else "",
        (0, 1),
        (-6, 4),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="right",
        color=MUTED,
    )
