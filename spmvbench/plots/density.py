"""Figures against density: speed-up over dense, time, share of the read bandwidth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from spmvbench.curves import Floats, Part, against, baselines, crossover, shapes
from spmvbench.plots.ends import spread
from spmvbench.plots.lines import Line, Quantity, lines
from spmvbench.plots.panelled import (
    NO_DENSE,
    ONE_DENSITY,
    Plan,
    Reference,
    by_shape,
    draw_panels,
    few_shapes,
)
from spmvbench.plots.sheet import SLOWEST, ratio_axis
from spmvbench.plots.style import INK

STRIP = 0.09
"""Share of the axis below all lines, where the densities of crossovers are written."""


def speedup(part: Part) -> Figure | str:
    """The headline: how many times faster than the fastest dense format of the same precision."""
    rows = part.timed[part.timed["speedup"] > 0]
    if rows.empty or not baselines(rows):
        return NO_DENSE
    if rows["density"].nunique() < 2:
        return ONE_DENSITY
    named = baselines(rows)
    over = against(rows)
    joined = not rows["stored"].any()
    hidden = named if len(named) == 1 else []
    crossed = joined and any(_crosses(own, rows, hidden) for _, own in by_shape(rows))
    plan = Plan(
        Quantity("speedup"),
        f"Speed-up over {over} against density",
        f"times as fast as {over}",
        lambda axis, values: ratio_axis(axis, values, room=STRIP),
        finish=_crossovers if joined else Plan.finish,
        reference=Reference(over, "= 1", 1.0),
        notes=["Numbers: densities of break-even."] if crossed else [],
        hidden=hidden,
        floor=SLOWEST,
    )
    return draw_panels(Part(part.condition, rows, part.others), plan, by_shape(rows))


def _crosses(own: pd.DataFrame, rows: pd.DataFrame, hidden: Sequence[str]) -> bool:
    found = [x for x in lines(own, Quantity("speedup"), rows) if x.name not in hidden]
    return bool(_places(found))


def _places(drawn: Sequence[Line]) -> list[tuple[float, str]]:
    """Density and colour of every crossing of 1."""
    return [
        (d, str(line.look["color"]))
        for line in drawn
        if line.curve
        for d in crossover(line.curve.x, line.curve.value).crossings
    ]


def _crossovers(axis: Axes, drawn: list[Line]) -> None:
    """Rings where lines cross 1, each with a thin line down to its density."""
    found = _places(drawn)
    if not found:
        return
    figure, box = axis.figure, axis.get_window_extent()
    low, high = axis.get_xlim()
    inch = (high - low) / box.width * figure.dpi
    at = np.array([d for d, _ in found])
    places = spread(at, 0.36 * inch, low + 0.2 * inch, high + 0.15 * inch)
    bottom = axis.get_ylim()[0]
    foot, knee = (bottom * (axis.get_ylim()[1] / bottom) ** (s * STRIP) for s in (0.5, 0.9))
    for (d, color), place in zip(found, places, strict=True):
        axis.plot([d, d, place], [1, knee, foot], color=color, linewidth=0.9, alpha=0.5)
        axis.plot(d, 1, "o", markersize=8, markerfacecolor="white", color=color, zorder=4)
        patch = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
        text = axis.text(place, foot, f"{d:.2f}", size=9.5, color=INK, ha="center", va="top")
        text.set_bbox(patch)


def time(part: Part) -> Figure | str:
    """Microseconds of one product."""
    rows = part.timed
    if rows["density"].nunique() < 2:
        return ONE_DENSITY
    panels, count = few_shapes(rows), len(shapes(rows))
    some = f" ({len(panels)} of {count} shapes)" if count > len(panels) else ""
    plan = Plan(
        Quantity("median_us"), f"Time of one product against density{some}", "time (µs)", _time_axis
    )
    return draw_panels(part, plan, panels)


def _time_axis(axis: Axes, values: Floats) -> None:
    """Logarithmic; ticks at 1, 2, 5 and their decades, or at decades when there are many."""
    low, high = float(values.min()) * 0.9, float(values.max()) * 1.1
    axis.set_yscale("log")
    axis.set_ylim(low, high)
    steps = (1, 2, 5) if high / low < 3000 else (1,)
    ticks = [s * 10.0**k for k in range(-3, 10) for s in steps if low <= s * 10.0**k <= high]
    axis.yaxis.set_major_locator(FixedLocator(ticks))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.grid(True, axis="y")


def bandwidth(part: Part) -> Figure | str:
    """Bytes moved per second as a share of what the device can read, cold rows only."""
    if part.condition.cache != "cold":
        return f"the read bandwidth bounds cold rows only, these are '{part.condition.cache}'"
    rows = part.timed[part.timed["bandwidth_share"].notna()]
    if rows["density"].nunique() < 2:
        return ONE_DENSITY if len(rows) else "no row has a read bandwidth beside it"
    plan = Plan(
        Quantity("bandwidth_share", 100.0),
        "Share of the read bandwidth against density",
        "share of the read bandwidth",
        _share_axis,
        reference=Reference(f"{rows['read_gbps'].median():,.3g} GB/s", "= 100 %", 100.0),
        notes=["Moved: packed matrix, x and y."],
    )
    return draw_panels(Part(part.condition, rows, part.others), plan, by_shape(rows))


def _share_axis(axis: Axes, values: Floats) -> None:
    top = max(105.0, float(values.max()) * 1.03)
    step = next(s for s in (20, 50, 100, 200, 500, 10**9) if top / s <= 8)
    axis.set_ylim(0, top)
    axis.yaxis.set_major_locator(FixedLocator(range(0, int(top) + 1, step)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f} %"))
    axis.grid(True, axis="y")
