"""Lines in panels that share their axes, labelled at the right: most figures are one of these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spmvbench.curves import Floats, Part, shapes
from spmvbench.plots.ends import End, label_ends, room
from spmvbench.plots.lines import MOST_PANELS, Line, Quantity, draw_lines, extremes, lines, notes
from spmvbench.plots.sheet import Layout, Words, density_axis, sheet, subtitle
from spmvbench.plots.style import INK

Panel = tuple[str, pd.DataFrame]

WIDTHS = {1: 6.4, 2: 4.9, 3: 3.9, 4: 4.9}

NO_DENSE = "there is no dense row of the problem's dtype to compare with"
STORED = "matrices taken as stored have a density each"
ONE_DENSITY = "a line needs two densities, there is one"


@dataclass(frozen=True)
class Reference:
    """A horizontal line and what to write at its end."""

    text: str
    note: str
    y: float


@dataclass(frozen=True)
class Plan:
    """A figure of panels. `y_axis` sets limits and ticks from all values; `x_axis` from all x and
    the inches there are; `finish` adds what is no line. `hidden`: formats without a line.
    `floor`: the axis may end there, so the label of a line that does names its last value.
    """

    quantity: Quantity
    title: str
    y_label: str
    y_axis: Callable[[Axes, Floats], None]
    x_label: str = "density (share of non-zeros)"
    x_axis: Callable[[Axes, Floats, float], None] = density_axis
    finish: Callable[[Axes, list[Line]], None] = lambda axis, drawn: None
    reference: Reference | None = None
    notes: Sequence[str] = ()
    hidden: Sequence[str] = ()
    floor: float = 0.0


def by_shape(rows: pd.DataFrame) -> list[Panel]:
    """Title and rows: one panel per shape, or a single one of all shapes when they are many.

    Matrices taken as stored have a density each: they share a panel, a point per matrix.
    """
    names = shapes(rows)
    if rows["stored"].any() or len(names) > MOST_PANELS:
        return [("", rows)]
    return [(name, rows[rows["shape"] == name]) for name in names]


def few_shapes(rows: pd.DataFrame) -> list[Panel]:
    """One panel per shape; of many shapes four, from the smallest to the largest."""
    names = shapes(rows)
    picked = np.linspace(0, len(names) - 1, min(len(names), MOST_PANELS)).round().astype(int)
    return [(names[i], rows[rows["shape"] == names[i]]) for i in picked]


def draw_panels(part: Part, plan: Plan, panels: Sequence[Panel]) -> Figure:
    """The figure of a plan."""
    rows = pd.concat([own for _, own in panels])
    drawn = [_visible(lines(own, plan.quantity, rows), plan) for _, own in panels]
    everything = [line for panel in drawn for line in panel]
    shown = Part(part.condition, rows, part.others)
    more = [panels[0][0]] if len(panels) == 1 and panels[0][0] else []
    reading = [*notes([own for _, own in panels], everything), *plan.notes]
    words = Words(plan.title, subtitle(shown, *more), reading)
    made = sheet(words, _layout(len(panels), _ends(everything, plan.reference)))
    limits, xs = extremes(everything), np.sort(rows[plan.quantity.by].unique()).astype(float)
    columns = 2 if len(panels) == MOST_PANELS else len(panels)
    for number, (axis, (title, _)) in enumerate(zip(made.panels, panels, strict=True)):
        plan.y_axis(axis, limits)
        plan.x_axis(axis, xs, WIDTHS[len(panels)])
        axis.set_title("" if more else title, size=11.5, loc="left")
        _fill(axis, drawn[number], plan)
        if number % columns == 0:
            axis.set_ylabel(plan.y_label)
        if number + columns >= len(panels):
            axis.set_xlabel(plan.x_label)
        if number % columns == columns - 1:
            label_ends(axis, _ends(drawn[number], plan.reference))
    return made.figure


def _visible(found: Sequence[Line], plan: Plan) -> list[Line]:
    return [_told(line, plan.floor) for line in found if line.name not in plan.hidden]


def _told(line: Line, floor: float) -> Line:
    point = line.end.point
    if point is None or point[1] >= floor:
        return line
    return replace(line, note=", ".join(word for word in (line.note, f"{point[1]:.2g}x") if word))


def _layout(count: int, ends: Sequence[End]) -> Layout:
    """Of that many panels, with room for the labels."""
    columns = 2 if count == MOST_PANELS else count
    height, head = (4.4, 0.2) if count == 1 else (4.0, 0.4)
    rows = -(-count // columns)
    return Layout(columns, rows, WIDTHS[count], height, right=room(ends), head=head)


def _fill(axis: Axes, drawn: list[Line], plan: Plan) -> None:
    draw_lines(axis, drawn)
    if plan.reference:
        axis.axhline(plan.reference.y, color=INK, linewidth=1.6, zorder=2.5)
    plan.finish(axis, drawn)


def _ends(drawn: Sequence[Line], reference: Reference | None) -> list[End]:
    ends = [line.end for line in drawn]
    if reference:
        look: dict[str, Any] = {"color": INK, "linewidth": 1.6}
        ends.append(End(reference.text, reference.note, (np.inf, reference.y), look))
    return ends
