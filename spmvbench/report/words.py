"""The answer of one part in sentences: where sparse pays, what it saves, what lossy would give."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from spmvbench.curves import Part, against, tail
from spmvbench.summary import leftovers
from spmvbench.summary.render import saves
from spmvbench.summary.sentence import fastest, joined, lossy_places, smallest, times
from spmvbench.summary.tables import crossovers_of, missing_dense, of_part

NBSP = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Found:
    """A part and what there is to say of it over all shapes: `summary.winners`, break-evens."""

    part: Part
    winners: pd.DataFrame
    crossings: pd.DataFrame

    @property
    def over(self) -> str:
        """What speed-ups are over; "" where there are none."""
        return against(self.part.timed)


def find(part: Part) -> Found:
    """Of the formats that can win; break-evens with the highest first."""
    timed = part.timed[part.timed["lossless"] & (part.timed["layout"] == "")]
    found = crossovers_of(replace(part, timed=timed), per_shape=0)
    if len(found):
        rank = found["density"].where(found["kind"] != "always", np.inf).fillna(0)
        found = found.assign(rank=rank).sort_values(["rank", "format"], ascending=[False, True])
    return Found(part, of_part(part, per_shape=0), found)


def lead(found: Found) -> str:
    """The answer in one sentence: below which density sparse wins."""
    if found.part.timed.empty:
        return "Nothing was timed"
    if not found.over:
        return "There is no dense format to compare with"
    if found.crossings.empty:
        return f"No sparse format was compared with {found.over} at several densities"
    best = found.crossings.iloc[0]
    if best["kind"] == "always":
        return f"Sparse is faster than {found.over} {_everywhere(found.part, 'every')}"
    if best["density"] > 0:
        return f"Sparse is faster than {found.over} below density {best['density']:.2f}"
    if (found.crossings["kind"] == "never").all():
        return f"No sparse format is faster than {found.over} {_everywhere(found.part, 'any')}"
    return f"There is no clear density below which sparse is faster than {found.over}"


def _everywhere(part: Part, word: str) -> str:
    low, high = part.timed["density"].min(), part.timed["density"].max()
    if low == high:
        return f"at density {low:g}, the only one measured"
    return f"at {word} density measured, {low:g} to {high:g}"


def facts(found: Found) -> list[tuple[str, str]]:
    """Heading and sentence each: speed, memory, lossy formats, and what is missing."""
    part = found.part
    missing = missing_dense(part) or ("" if len(part.timed) else _untimed(part))
    said = [("Speed", fastest(found.winners) if len(found.winners) else "")]
    said += [("Memory", _memory(found)), ("Lossy", _lossy(found)), ("Missing", missing)]
    return [(name, f"{text}.".replace(" %", f"{NBSP}%")) for name, text in said if text]


def _untimed(part: Part) -> str:
    return "; ".join(leftovers(part.others)) or "no row is ok"


def _memory(found: Found) -> str:
    """What the fastest sparse formats save, at three densities, and who is smallest."""
    rows = found.winners
    sparse = rows[rows["kind"] == "sparse"] if len(rows) else rows
    picked = sorted({0, (len(sparse) - 1) // 2, len(sparse) - 1}) if len(sparse) else []
    places: list[str] = []
    for row in sparse.iloc[picked].itertuples():
        first = f"{saves(row.saved, 'the dense bytes')} at density"
        more = f"{saves(row.saved).removeprefix('saves ')} at"
        places.append(f"{more if places else first} {row.density:g} ({tail(row.format)})")
    said = f"the fastest {joined(places)}" if places else ""
    return "; ".join(filter(None, [said, smallest(found.part)]))


def lossy(part: Part) -> pd.DataFrame:
    """The timed rows of lossy formats."""
    return part.timed[~part.timed["lossless"] & (part.timed["layout"] == "")]


def _lossy(found: Found) -> str:
    """Of each lossy format: its median speed-up, what it saves, how far its weights are off."""
    rows = lossy(found.part)
    said = []
    for name, own in rows.groupby("format"):
        words = [saves(saved(own), "the dense bytes")]
        if own["speedup"].notna().any():
            words.append(f"is {times(float(own['speedup'].median()))} {found.over}")
        if own["distance"].notna().any():
            far = 100 * float(own["distance"].max())
            words.append(f"moves weights by up to {far:.2g} % of the largest one")
        said.append(f"{tail(str(name))} {joined(words)}")
    places = lossy_places(found.part)
    said += [f"faster than every lossless format: {places}"] if places else []
    return "; ".join(said)


def saved(rows: pd.DataFrame) -> float:
    """Share of the bytes of dense that the rows of a format do not need."""
    dense = float(rows["dense_bytes"].sum())
    return 1 - float(rows["packed_bytes"].sum()) / dense if dense > 0 else float("nan")
