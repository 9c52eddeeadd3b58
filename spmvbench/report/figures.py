"""The figures of `spmvbench plot` as SVG, as many as a page can carry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure as Drawn

from spmvbench.curves import Part
from spmvbench.plots import FIGURES
from spmvbench.plots.batch import batch
from spmvbench.plots.style import RC
from spmvbench.report import svg
from spmvbench.report.colors import variables

Drawing = Callable[[Part], Drawn | str]

FIRST = ("speedup", "effective_density", "winners", "batch")
"""Kinds that stand open in the page, in order; the others are folded below them."""

ONE_OF_A_DEVICE = ("effective_density",)
"""Kinds without a time: cache and threads make no difference."""

WITH_TEXT_ON_COLOR = ("winners",)
"""Kinds with words on coloured ground, which was chosen for them: these turn round as a whole."""

EACH = 4
"""Conditions drawn of one kind."""

MOST_BYTES, MOST_ROWS = 1_250_000, 18_000
"""Of all figures together: the page stays below 3 MB, and is made in seconds."""


@dataclass(frozen=True)
class Figure:
    """`caption`: experiment and condition; `first`: it stands open in the page."""

    kind: str
    caption: str
    svg: Markup
    first: bool


@dataclass
class Figures:
    """The figures in order, and `kind: condition` of each that the page has no room for.

    Whether the records carry those is not known: they were not tried.
    """

    drawn: list[Figure] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def figures(alike: Sequence[Part], over_batches: Sequence[Part]) -> Figures:
    """Kind by kind, so that devices and conditions stand beside each other.

    Nothing global of matplotlib stays changed. What records do not carry is not drawn.
    """
    found, size, rows = Figures(), 0, 0
    with matplotlib.rc_context(RC | svg.RC):
        for kind, number, part, drawing in _wanted(alike, over_batches):
            caption = " · ".join([part.condition.experiment, *part.condition.words])
            if number >= EACH or size > MOST_BYTES or rows > MOST_ROWS:
                found.left_out.append(f"{kind}: {caption}")
                continue
            figure = drawing(part)
            if isinstance(figure, str):
                continue
            text = svg.inline(figure, f"f{len(found.drawn)}-", f"{kind}: {caption}")
            text = text if kind in WITH_TEXT_ON_COLOR else variables(text)
            size, rows = size + len(text), rows + len(part.timed)
            # Markup: matplotlib and the XML writer have escaped the names in it.
            found.drawn.append(Figure(kind, caption, Markup(text), kind in FIRST))
    return found


def _wanted(
    alike: Sequence[Part], over_batches: Sequence[Part]
) -> Iterator[tuple[str, int, Part, Drawing]]:
    """Kind, the how manieth of it, part and how to draw it."""
    kinds: dict[str, tuple[Drawing, Sequence[Part]]] = {
        kind: (drawing, alike) for kind, drawing in FIGURES.items()
    }
    kinds["batch"] = (batch, over_batches)
    for kind in sorted(kinds, key=lambda k: FIRST.index(k) if k in FIRST else len(FIRST)):
        drawing, parts = kinds[kind]
        timed = [part for part in parts if len(part.timed)]
        if kind in ONE_OF_A_DEVICE:
            timed = list({_matrices(part): part for part in reversed(timed)}.values())[::-1]
        for number, part in enumerate(timed):
            yield kind, number, part, drawing


def _matrices(part: Part) -> tuple[object, ...]:
    c = part.condition
    return (c.experiment, c.device, c.dtype, c.pattern, c.source, c.batch)
