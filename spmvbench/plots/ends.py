"""Labels at the ends of lines, in place of a legend far from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from spmvbench.curves import Floats
from spmvbench.plots.style import INK, MUTED

SIZE, NOTE_SIZE = 11, 9.5
LEADER, SAMPLE = 14, 24  # points: from the axis to a sample of the line, and its length


@dataclass(frozen=True)
class End:
    """The last point of a line in data coordinates (None: no line here), and what to write.

    A point off the axis is moved to its edge. `note` stands behind `text`, smaller and grey.
    `look` are the line's own drawing properties.
    """

    text: str
    note: str
    point: tuple[float, float] | None
    look: dict[str, Any]


def spread(wanted: Floats, gap: float, low: float, high: float) -> Floats:
    """Places at least `gap` apart within [low, high], as near to the wanted ones as can be.

    Neighbours that are too close form a block around their mean place; blocks merge until none
    overlap. Order is kept. When all do not fit, they are `(high - low) / n` apart.
    """
    count = len(wanted)
    if not count:
        return np.empty(0)
    gap = min(gap, (high - low) / count)
    order = np.argsort(wanted, kind="stable")
    offset = np.arange(count) * gap
    blocks: list[tuple[float, int]] = []
    for place in wanted[order] - offset:
        blocks.append((float(place), 1))
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            (a, n), (b, m) = blocks[-2:]
            blocks[-2:] = [((a * n + b * m) / (n + m), n + m)]
    flat = np.repeat([place for place, _ in blocks], [n for _, n in blocks])
    found = np.empty(count)
    found[order] = np.clip(flat, low, high - (count - 1) * gap) + offset
    return found


def room(ends: Iterable[End]) -> float:
    """Inches that the labels need there. A letter is 0.6 em wide, a little above mean."""
    letters = (0.6 * (SIZE * len(e.text) + NOTE_SIZE * len(e.note)) / 72 for e in ends)
    return 0.85 + max(letters, default=0.0)


def label_ends(axis: Axes, ends: Sequence[End]) -> None:
    """Write the labels right of the axis; call it when limits and layout are final.

    Each has a sample of its line, and a thin leader from the line's last point. What has no line
    here is listed at the bottom.
    """
    figure = axis.figure
    scale = figure.dpi / 72
    box = axis.get_window_extent()
    edge = axis.get_xlim()[1]
    wanted = [(min(e.point[0], edge), e.point[1]) if e.point else (edge, 1.0) for e in ends]
    points = axis.transData.transform(wanted)
    there = np.array([e.point is not None for e in ends])
    heights = np.clip(np.where(there, points[:, 1], -np.inf), box.y0 - 1, box.y1)
    places = spread(heights, SIZE * 1.3 * scale, box.y0, box.y1 + 2 * scale)
    for end, x, y, place in zip(ends, points[:, 0], heights, places, strict=True):
        _label(axis, end, (float(x), float(y)), float(place), scale)


def list_labels(axis: Axes, groups: Sequence[tuple[str, Sequence[End]]]) -> None:
    """Write labels right of the axis from the top down, under headings, without leaders."""
    figure = axis.figure
    scale = figure.dpi / 72
    box = axis.get_window_extent()
    place = box.y1 - SIZE * 0.5 * scale
    for heading, ends in groups:
        x, y = figure.transFigure.inverted().transform((box.x1 + LEADER * scale, place))
        figure.text(x, y, heading, size=SIZE, weight="bold", color=INK, va="center_baseline")
        for end in ends:
            place -= SIZE * 1.45 * scale
            _label(axis, replace(end, point=None), (0.0, 0.0), place, scale)
        place -= SIZE * 2.2 * scale


def _label(axis: Axes, end: End, point: tuple[float, float], place: float, scale: float) -> None:
    figure = axis.figure
    left = axis.get_window_extent().x1 + LEADER * scale
    to_figure = figure.transFigure.inverted().transform
    if end.point:
        (x0, y0), (x1, y1) = to_figure(point), to_figure((left, place))
        look = {"color": end.look["color"], "linewidth": 0.8, "alpha": 0.6}
        figure.add_artist(Line2D([x0, x1], [y0, y1], **look))
    right = left + SAMPLE * scale
    xs, ys = zip(*[to_figure((x, place)) for x in (left, (left + right) / 2, right)], strict=True)
    figure.add_artist(Line2D(xs, ys, markevery=[1], **end.look))
    x, y = to_figure((right + 5 * scale, place))
    text = figure.text(x, y, end.text, size=SIZE, color=INK, va="center_baseline")
    if end.note:
        # Beside the text as it is drawn: its width in points depends on the resolution.
        axis.annotate(
            end.note,
            (1, y),
            (5, 0),
            xycoords=(text, figure.transFigure),
            textcoords="offset points",
            size=NOTE_SIZE,
            color=MUTED,
            va="center_baseline",
            annotation_clip=False,
        )
