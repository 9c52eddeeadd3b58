"""One sentence per condition: who is fastest where, by how much, and who is smallest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from spmvbench.curves import Part, parts
from spmvbench.summary.tables import leftovers, missing_dense, of_part

UNCLEAR = "no clear winner"


@dataclass(frozen=True)
class _Run:
    """Neighbouring densities with the same answer."""

    label: str
    rows: list[Any]

    @property
    def middle(self) -> Any:
        """The row that stands for all."""
        return self.rows[(len(self.rows) - 1) // 2]


def sentence(records: pd.DataFrame) -> str:
    """Who is fastest up to which density, over all shapes; a line per condition.

    No win is claimed where the interval of the speed-up includes 1. Raises: ResultsError without
    any row.
    """
    everything = list(parts(records))
    return "\n".join(_sentence(part, alone=len(everything) == 1) for part in everything)


def _sentence(part: Part, *, alone: bool) -> str:
    device, *more = part.condition.words
    head = f"On {device}" if alone else f"On {device} ({', '.join(more)})"
    if part.timed.empty:
        return f"{head}, nothing was timed: {'; '.join(leftovers(part.others)) or 'no row is ok'}."
    rows = of_part(part, per_shape=0)
    if rows.empty:
        return f"{head}, no lossless format was timed."
    ends = [faster_still(part), smallest(part), missing_dense(part)]
    return "; ".join([f"{head}, {fastest(rows)}", *(end for end in ends if end)]) + "."


def fastest(rows: pd.DataFrame) -> str:
    """`macko is fastest up to density 0.2 (2.99x dense-f16 at 0.1) and dense-f16 from 0.3`.

    `rows`: at least one, of `summary.winners`, all of one condition and over all shapes.
    """
    runs = _runs(list(rows.itertuples()), _answer)
    return joined([_label(runs, i) + _where(runs, i) + _evidence(r) for i, r in enumerate(runs)])


def _answer(row: Any) -> str:
    if row.kind == "unclear":
        return UNCLEAR
    return " or ".join(sorted((row.format, *row.tied)))


def _runs(rows: Sequence[Any], answer: Any) -> list[_Run]:
    return [_Run(label, list(own)) for label, own in groupby(rows, answer)]


def _label(runs: list[_Run], place: int) -> str:
    """`csr16 is fastest` at its first claim, `macko` after that."""
    label = runs[place].label
    if label == UNCLEAR:
        return f"{'' if place else 'there is '}{label} "
    first = all(run.label == UNCLEAR for run in runs[:place])
    return f"{label} is fastest " if first else f"{label} "


def _where(runs: list[_Run], place: int) -> str:
    rows = runs[place].rows
    first, last = f"{rows[0].density:g}", f"{rows[-1].density:g}"
    word = "" if place else "density "
    if first == last:
        return f"at {word}{first}"
    if len(runs) == 1:
        return f"at every density measured ({first} to {last})"
    if place == 0:
        return f"up to {word}{last}"
    return f"from {first}" if place == len(runs) - 1 else f"from {first} to {last}"


def _evidence(run: _Run) -> str:
    row = run.middle
    over = row.baseline[0] if len(row.baseline) == 1 else "the fastest dense"
    at = f" at {row.density:g}" if len(run.rows) > 1 else ""
    if row.kind == "unclear":
        rival = row.rival
        found = interval(rival.low, rival.high) or f"{times(rival.speedup)}, no interval,"
        return f" ({rival.format} {found} {over}{at})"
    if row.kind == "alone" or row.format in row.baseline:
        return ""
    return f" ({times(row.speedup)} {over}{at})"


def interval(low: float, high: float) -> str:
    """`0.97-1.04x`, or "" where there is none."""
    return f"{times(low).rstrip('x')}-{times(high)}" if low <= high else ""


def times(speedup: float) -> str:
    """`0.94x`, `1.31x`, `12.4x`."""
    return f"{speedup:.2f}x" if speedup < 9.995 else f"{speedup:.1f}x"


def faster_still(part: Part) -> str:
    """`faster still, but lossy: dense-int8 from 0.4`: what beats every lossless format there."""
    places = lossy_places(part)
    return f"faster still, but lossy: {places}" if places else ""


def lossy_places(part: Part) -> str:
    """`dense-int8 from 0.4`: which lossy formats beat every lossless one, and where."""
    rows = part.timed[(part.timed["speedup"] > 0) & (part.timed["layout"] == "")]
    mean = rows.assign(log=np.log(rows["speedup"].astype(float)))
    mean = mean.groupby(["density", "format", "lossless"])["log"].mean().reset_index()
    best = mean[mean["lossless"]].groupby("density")["log"].max()
    said = []
    for name, own in mean[~mean["lossless"]].groupby("format"):
        faster = own.assign(faster=own["log"] > own["density"].map(best))
        runs = _runs(list(faster.itertuples()), lambda row: "faster" if row.faster else "")
        places = [_where(runs, i) for i, run in enumerate(runs) if run.label]
        said += [f"{name} {joined(places)}"] if places else []
    return joined(said) if said else ""


def smallest(part: Part) -> str:
    """`bitmap is the smallest from 0.3`, of the lossless formats."""
    rows = part.timed[part.timed["lossless"] & (part.timed["layout"] == "")]
    rows = rows[rows["packed_bytes"] > 0]
    if rows["format"].nunique() < 2:
        return ""
    size = rows.assign(size=rows["packed_bytes"] / rows["dense_bytes"])
    mean = size.groupby(["density", "format"])[["size", "median_us"]].mean().reset_index()
    best = mean.sort_values(["size", "median_us"]).groupby("density").head(1)
    runs = _runs(list(best.sort_values("density").itertuples()), lambda row: row.format)
    verbs = ["is the smallest ", *[""] * (len(runs) - 1)]
    return joined([f"{r.label} {verbs[i]}{_where(runs, i)}" for i, r in enumerate(runs)])


def joined(words: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
