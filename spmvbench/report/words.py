"""The answer of one part in sentences: where sparse pays, what it saves, what lossy would give."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from spmvbench.curves import Part, baselines, tail
from spmvbench.summary import leftovers
from spmvbench.summary.render import percent
from spmvbench.summary.sentence import fastest, faster_still, joined, smallest, times
from spmvbench.summary.tables import crossovers_of, missing_dense, of_part

def over(part: Part) -> str:
    """What speed-ups of a part are over; "" where there are none."""
    names = baselines(part.timed)
    return tail(names[0]) if len(names) == 1 else "the fastest dense" if names else ""


def crossings(part: Part) -> pd.DataFrame:
    """Break-even densities of the formats that can win, over all shapes, the highest first.

    Columns: those of `summary.crossovers`.
    """
    timed = part.timed[part.timed["lossless"] & (part.timed["layout"] == "")]
    found = crossovers_of(replace(part, timed=timed), per_shape=0)
    if found.empty:
        return found
    rank = found["density"].where(found["kind"] != "always", np.inf).fillna(0)
    return found.assign(rank=rank).sort_values(["rank", "format"], ascending=[False, True])


def lead(part: Part) -> str:
    """The answer in one sentence, from which density on dense wins."""
    if part.timed.empty:
        return "Nothing was timed"
    dense, found = over(part), crossings(part)
    if not dense:
        return "Nothing to compare with"
    if found.empty:
        return f"Matrices are taken as stored, so there is no break-even with {dense}"
    best = found.iloc[0]
    if best["kind"] == "always":
        return f"Sparse is faster than {dense} {_everywhere(part)}"
    if best["density"] > 0:
        return f"Sparse is faster than {dense} below density {best['density']:.2f}"
    if (found["kind"] == "never").all():
        return f"No sparse format is faster than {dense} {_everywhere(part)}"
    return f"There is no clear density below which sparse is faster than {dense}"


def _everywhere(part: Part) -> str:
    low, high = part.timed["density"].min(), part.timed["density"].max()
    if low == high:
        return f"at density {low:g}, the only one measured"
    return f"at every density measured, {low:g} to {high:g}"


def facts(part: Part) -> list[tuple[str, str]]:
    """Heading and sentence each: speed, memory, lossy formats, and what is missing."""
    said = [("Speed", fastest(part)), ("Memory", _memory(part)), ("Lossy", _lossy(part))]
    missing = missing_dense(part) or ("" if len(part.timed) else "; ".join(leftovers(part.others)))
    said.append(("Missing", missing))
    return [(name, f"{text}.") for name, text in said if text]


def _memory(part: Part) -> str:
    """Who is smallest, and what the fastest sparse formats save, at three densities."""
    rows = of_part(part, per_shape=0)
    sparse = rows[rows["kind"] == "sparse"] if len(rows) else rows
    picked = sorted({0, (len(sparse) - 1) // 2, len(sparse) - 1}) if len(sparse) else []
    places = [
        f"{percent(row.saved)} at {row.density:g} ({tail(row.format)})"
        for row in sparse.iloc[picked].itertuples()
    ]
    found = f"of the bytes of dense the fastest saves, by density, {joined(places)}"
    found = found if places else ""
    return "; ".join(filter(None, [found, smallest(part)]))


def _lossy(part: Part) -> str:
    """Of each lossy format: its median speed-up, what it saves, how far its weights are off."""
    rows = part.timed[~part.timed["lossless"] & (part.timed["layout"] == "")]
    said = []
    for name, own in rows.groupby("format"):
        words = [f"saves {percent(saved(own))} of the bytes"]
        if own["speedup"].notna().any():
            words.append(f"is {times(float(own['speedup'].median()))} {over(part)}")
        if own["distance"].notna().any():
            far = 100 * float(own["distance"].max())
            words.append(f"moves weights by up to {far:.2g} % of the largest one")
        said.append(f"{tail(str(name))} {joined(words)}")
    return "; ".join(filter(None, [*said, faster_still(part)]))


def saved(rows: pd.DataFrame) -> float:
    """Share of the bytes of dense that the rows of a format do not need."""
    dense = float(rows["dense_bytes"].sum())
    return 1 - float(rows["packed_bytes"].sum()) / dense if dense > 0 else float("nan")
