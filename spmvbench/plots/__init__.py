"""Records as figures: `draw` makes all that the records can carry, as PNG and SVG."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from spmvbench.curves import Part, parts
from spmvbench.errors import ResultsError
from spmvbench.plots.bars import shape_bars
from spmvbench.plots.batch import batch
from spmvbench.plots.choice import Choice, choose
from spmvbench.plots.density import bandwidth, speedup, time
from spmvbench.plots.save import save
from spmvbench.plots.shapes import winner_map
from spmvbench.plots.storage import effective_density
from spmvbench.plots.style import RC

__all__ = ["FIGURES", "draw"]

Drawing = Callable[[Part], Figure | str]

FIGURES: dict[str, Drawing] = {
    "speedup": speedup,
    "time": time,
    "effective_density": effective_density,
    "bandwidth": bandwidth,
    "winners": winner_map,
    "shapes": shape_bars,
}
"""A figure, or one line on why the records do not carry it. Each has one part of equal batch."""

HEADLINE = "speedup"

_LOG = logging.getLogger(__name__)


def draw(
    records: pd.DataFrame,
    folder: Path,
    *,
    everything: bool = True,
    tell: Callable[[str], None] = _LOG.info,
    left_out: Callable[[str], None] = _LOG.info,
) -> list[Path]:
    """Write all figures that the records can carry into the folder; the files, in order.

    One set per experiment, device and condition; the condition is in title and file name. `tell`
    gets one line per kind of figure and reason why it was not drawn. Without `everything`, too many
    rows or conditions get some figures only (see `choice`), which `left_out` is told. Nothing
    global of matplotlib stays changed.
    Raises: ResultsError when no row has a time, or a file cannot be written.
    """
    found = list(parts(records))
    if not any(len(part.timed) for part in found):
        statuses = records["status"].value_counts()
        seen = ", ".join(f"{count} {status}" for status, count in statuses.items())
        raise ResultsError(
            f"{folder.parent}: no row has a time ({seen}); 'spmvbench run --retry' may help"
        )
    several = records.groupby(["experiment", "device"], dropna=False).ngroups > 1
    files: list[Path] = []
    choice = Choice(found) if everything else choose(found)
    missing: dict[tuple[str, str], list[str]] = {}
    with matplotlib.rc_context(RC):
        for name, part, figure in _figures(choice, list(parts(records, over="batch"))):
            if isinstance(figure, str):
                missing.setdefault((name, figure), []).append(part.condition.slug)
            else:
                files += save(figure, folder, _file_name(name, part, several=several))
    for (name, reason), where in missing.items():
        tell(f"{name}: not drawn for {_listed(where)}: {reason}")
    if str(choice):
        left_out(f"{len(records):,} rows: {choice}")
    return files


def _listed(where: list[str]) -> str:
    return where[0] if len(where) == 1 else f"{where[0]} and {len(where) - 1} more"


def _figures(choice: Choice, over_batches: list[Part]) -> Iterator[tuple[str, Part, Figure | str]]:
    nothing = "no row has a time"
    for part in choice.full:
        for name, drawing in FIGURES.items():
            yield name, part, drawing(part) if len(part.timed) else nothing
    for part in choice.headline:
        yield HEADLINE, part, FIGURES[HEADLINE](part)
    for part in filter(lambda part: choice.has(part.condition), over_batches):
        yield "batch", part, batch(part) if len(part.timed) else nothing


def _file_name(name: str, part: Part, *, several: bool) -> str:
    """`speedup_float16_uniform_b1_cold_2t`; experiment and device first when there are several."""
    where = f"{part.condition.experiment}_{part.condition.device}_" if several else ""
    return f"{where}{name}_{part.condition.slug}"
