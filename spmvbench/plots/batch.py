"""Figure against batch: at how many columns of x dense overtakes."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from spmvbench.curves import Floats, Part, against, baselines
from spmvbench.plots.bars import pick
from spmvbench.plots.lines import Quantity
from spmvbench.plots.panelled import NO_DENSE, STORED, Plan, Reference, draw_panels
from spmvbench.plots.sheet import SLOWEST, ratio_axis


def batch(part: Part) -> Figure | str:
    """Speed-up against batch, a panel per density. The part goes over batches."""
    rows = part.timed[part.timed["speedup"] > 0]
    named = baselines(rows)
    if rows["batch"].nunique() < 2:
        return "there is one batch"
    if not named:
        return NO_DENSE
    if rows["stored"].any():
        return STORED
    over = against(rows)
    plan = Plan(
        Quantity("speedup", by="batch"),
        f"Speed-up over {over} against batch",
        f"times as fast as {over}",
        ratio_axis,
        x_label="batch (columns of x)",
        x_axis=_batch_axis,
        reference=Reference(over, "= 1", 1.0),
        hidden=named if len(named) == 1 else [],
        floor=SLOWEST,
    )
    densities = pick(np.sort(rows["density"].unique()))
    panels = [(f"density {d:g}", rows[rows["density"] == d]) for d in densities]
    return draw_panels(Part(part.condition, rows, part.others), plan, panels)


def _batch_axis(axis: Axes, batches: Floats, width: float) -> None:
    """Log-2; a tick at every measured batch."""
    axis.set_xscale("log", base=2)
    axis.set_xlim(batches.min() / 1.15, batches.max() * 1.15)
    axis.xaxis.set_major_locator(FixedLocator(list(batches)))
    axis.xaxis.set_major_formatter(FixedFormatter([f"{b:g}" for b in batches]))
    axis.xaxis.set_minor_locator(NullLocator())
