"""A whole model's speed-up against its share of zeros: the picture of `spmvbench advise`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator

from spmvbench import theory
from spmvbench.curves import Floats
from spmvbench.plots.ends import End, label_ends, room
from spmvbench.plots.save import save
from spmvbench.plots.sheet import Layout, Words, ratio_axis, sheet
from spmvbench.plots.style import INK, MUTED, RC, order, style

LIMIT = "limit of the bytes"
_WIDTH = 6.4
_QUANTISED = (0, (5, 2))


@dataclass(frozen=True)
class Points:
    """Speed-ups of one format over dense, with their 95 % intervals, against share of zeros."""

    zeros: Floats
    value: Floats
    low: Floats
    high: Floats


def draw_model(
    words: Words,
    formats: Mapping[str, Points],
    levels: Mapping[str, float],
    folder: Path,
    name: str,
) -> list[Path]:
    """Write the figure: a line per format, a level per quantised rival, the limit of the bytes.

    `levels`: format name -> its speed-up over 16-bit dense. The limit is what the entropy limit of
    random places and 16-bit values allows a product that reads as fast as dense does.
    """
    with matplotlib.rc_context(RC):
        known = order(formats)
        shares = np.unique(np.concatenate([formats[n].zeros for n in known]))
        fine = np.linspace(shares.min(), shares.max(), 100)
        limit = 1 / theory.entropy_limit(1 - fine, value_bits=16)
        ends = [*_lines_end(formats, known), *_levels_end(levels), _limit_end(fine, limit)]
        made = sheet(words, Layout(width=_WIDTH, height=4.4, right=room(ends), head=0.2))
        (axis,) = made.panels
        values = [v for n in known for v in (formats[n].low, formats[n].high)]
        _axes(axis, shares, np.concatenate([*values, list(levels.values()), limit]))
        _draw(axis, formats, known)
        axis.axhline(1.0, color=INK, linewidth=1.6, zorder=2.5)
        for level, value in levels.items():
            color = style(level).color
            axis.axhline(value, color=color, linestyle=_QUANTISED, linewidth=1.6, zorder=2.4)
        axis.plot(fine, limit, color=MUTED, linestyle=":", linewidth=1.6, zorder=2)
        dense = End("16-bit dense", "= 1", (np.inf, 1.0), {"color": INK, "linewidth": 1.6})
        label_ends(axis, [*ends, dense])
        return save(made.figure, folder, name)


def _draw(axis: Axes, formats: Mapping[str, Points], known: Sequence[str]) -> None:
    for name in known:
        own, look = formats[name], style(name)
        band: dict[str, Any] = {"color": look.color, "alpha": 0.15, "linewidth": 0, "zorder": 1.5}
        axis.fill_between(own.zeros, own.low, own.high, **band)
        axis.plot(own.zeros, own.value, **_look(name), zorder=3)


def _axes(axis: Axes, shares: Floats, values: Floats) -> None:
    ratio_axis(axis, values)
    pad = 0.03 * (shares.max() - shares.min()) or 0.02
    axis.set_xlim(shares.min() - pad, shares.max() + pad)
    axis.xaxis.set_major_locator(FixedLocator(list(shares)))
    axis.xaxis.set_major_formatter(FixedFormatter([f"{100 * s:.3g} %" for s in shares]))
    axis.set_xlabel("zeros in the linear layers")
    axis.set_ylabel("times as fast as 16-bit dense")


def _look(name: str) -> dict[str, Any]:
    return {"color": style(name).color, "marker": style(name).marker}


def _lines_end(formats: Mapping[str, Points], known: Sequence[str]) -> list[End]:
    last = {n: (float(formats[n].zeros[-1]), float(formats[n].value[-1])) for n in known}
    return [End(n, "", last[n], _look(n)) for n in known]


def _levels_end(levels: Mapping[str, float]) -> list[End]:
    look = {"linestyle": _QUANTISED, "linewidth": 1.6}
    return [
        End(n, "lossy", (np.inf, value), {"color": style(n).color, **look})
        for n, value in levels.items()
    ]


def _limit_end(fine: Floats, limit: Floats) -> End:
    look = {"color": MUTED, "linestyle": ":", "linewidth": 1.6}
    return End(LIMIT, "", (float(fine[-1]), float(limit[-1])), look)
