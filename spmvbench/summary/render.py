"""The tables as text: Markdown to paste, and Rich for the end of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spmvbench.curves import Part, against, parts, shapes, tail
from spmvbench.summary.flags import flags
from spmvbench.summary.layout import OR, SHAPE, Table, escaped, show, to_markdown
from spmvbench.summary.sentence import faster_still, interval, times
from spmvbench.summary.tables import crossovers_of, leftovers, missing_dense, of_part

if TYPE_CHECKING:
    from rich.console import Console

OVERLAP = "or: the intervals overlap, so the measurement cannot tell them apart"

CLAIMED = "Timed by themselves: nobody saw their y, nor what was in the cache"

CLAIMS = 24
"""Times of programs that are shown."""


def markdown(records: pd.DataFrame) -> str:
    """Winners and crossovers as tables to paste, one pair per condition.

    Raises: ResultsError without any row.
    """
    blocks = [to_markdown(table) for table in tables(records)]
    rest = "\n".join(f"- {escaped(line)}" for line in leftovers(records))
    return "\n\n".join([*blocks, rest] if rest else blocks)


def closing_table(records: pd.DataFrame, console: Console) -> None:
    """Print what a run found: winners by density, crossovers, rows without a time and why.

    Raises: ResultsError without any row.
    """
    from rich.text import Text

    for table in tables(records):
        show(table, console)
    for line in leftovers(records):
        console.print(Text(line, style="yellow"))


def tables(records: pd.DataFrame) -> Iterator[Table]:
    """Winners, crossovers and what programs claim, per condition.

    Raises: ResultsError without any row.
    """
    for part in parts(records):
        yield from _of_part(part)
        if len(part.claimed):
            yield _claims(part.claimed)


def _of_part(part: Part) -> Iterator[Table]:
    title = " · ".join(part.condition.words)
    rows = of_part(part)
    if rows.empty:
        nothing = "nothing to compare: no lossless format was timed"
        yield Table(title, [], [], _said(nothing, flags(part.timed)))
        return
    over = against(part.timed)
    columns = _columns(rows, over)
    cells = [[cell(row) for cell in columns.values()] for row in rows.itertuples()]
    ties = OVERLAP if any(f" {OR} " in cell for row in cells for cell in row) else ""
    notes = _said(missing_dense(part) or ties, faster_still(part), flags(part.timed))
    section = SHAPE if SHAPE in columns else ""
    yield Table(title, list(columns), cells, notes, section)
    crossings = crossovers_of(part)
    if over and not crossings.empty:
        yield _crossings(part, crossings, over)


def _said(*notes: str) -> list[str]:
    return [note for note in notes if note]


def _columns(rows: pd.DataFrame, over: str) -> dict[str, Callable[[Any], str]]:
    """Header and what to write below it; what would be empty or the same throughout is left out."""
    many = bool((rows["problems"] > 1).any())
    columns: dict[str, Callable[[Any], str]] = {}
    if rows["shape"].nunique() > 1:
        columns[SHAPE] = lambda row: str(row.shape)
    columns |= {"density": lambda row: f"{row.density:g}", "fastest": winner}
    if over:
        columns[f"speed-up over {over}"] = lambda row: times(row.speedup)
        columns["95 % interval"] = lambda row: interval(row.low, row.high) or "-"
    if over and many:
        columns["least to most"] = lambda row: interval(row.least, row.most)
    if many:
        columns["fastest on"] = lambda row: f"{row.wins} of {row.problems}"
    columns["bytes saved"] = lambda row: fewer(row.saved)
    if not many:
        columns["time"] = lambda row: duration(row.time_us)
    return columns


def _crossings(part: Part, found: pd.DataFrame, over: str) -> Table:
    """A row per format, the one that stays ahead longest first; a column per shape."""
    names = [n for n in shapes(part.timed) if n in set(found["shape"])] or [""]
    rank = found["density"].where(found["kind"] != "always", np.inf).fillna(0)
    formats = rank.groupby(found["format"]).mean().sort_values(ascending=False, kind="stable")
    texts = dict(zip(zip(found["format"], found["shape"], strict=True), found["text"], strict=True))
    header = ["format", *names] if len(names) > 1 else ["format", "density"]
    rows = [[tail(str(f)), *(texts.get((f, n), "") for n in names)] for f in formats.index]
    over_shapes = "" if names != [""] else f", median over {len(shapes(part.timed))} shapes"
    return Table(f"Faster than {over} below density{over_shapes}", header, rows)


def _claims(rows: pd.DataFrame) -> Table:
    """The times of programs, a row per problem, the largest matrices last."""
    columns = ["format", *([SHAPE] if rows["shape"].nunique() > 1 else []), "density", "time"]
    cells = [
        [
            {
                "format": f"{row.format} (unverified)",
                SHAPE: row.shape,
                "density": f"{row.density:g}",
                "time": duration(row.median_us),
            }[name]
            for name in columns
        ]
        for row in rows.sort_values(["format", "rows", "cols", "density"]).itertuples()
    ]
    more = [f"and {len(cells) - CLAIMS} more, in records.csv"] if len(cells) > CLAIMS else []
    return Table(CLAIMED, columns, cells[:CLAIMS], more)


def winner(row: Any) -> str:
    """Whose interval overlaps the winner's may be as fast: `csr16 or macko`."""
    others = row.tied
    if row.kind == "unclear":
        others = [name for name in (row.rival.format, *row.baseline) if name != row.format]
    return f" {OR} ".join(map(tail, (row.format, *dict.fromkeys(others))))


def percent(share: float) -> str:
    """`44 %`; `-` of NaN."""
    return "-" if np.isnan(share) else f"{round(100 * share)} %"


def fewer(share: float) -> str:
    """A share saved, as a cell: `44 %`, or `6 % more` where it is negative."""
    return f"{percent(-share)} more" if round(100 * share) < 0 else percent(share)


def saves(share: float, of: str = "") -> str:
    """The same with a verb: `saves 44 %`, `takes 6 % more`; `of`: which bytes."""
    text = fewer(share)
    if text.endswith("more"):
        return f"takes {text}{of and f' than {of}'}"
    return f"saves {text}{of and f' of {of}'}"


def duration(us: float) -> str:
    """Of microseconds: `438 µs`, `1.05 ms`."""
    return f"{us / 1000:.3g} ms" if us >= 1000 else f"{us:.3g} µs"
