"""The tables as text: Markdown to paste, and Rich for the end of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from spmvbench.curves import Part, baselines, parts, shapes
from spmvbench.summary.sentence import interval, times
from spmvbench.summary.tables import crossovers_of, leftovers, missing_dense, of_part

if TYPE_CHECKING:
    from rich.console import Console

TEXT = ("rows x cols", "fastest", "format")
"""Columns that are words: aligned left."""

GAP = 3
"""Characters between two columns of a Rich table."""

OR = "or"
OVERLAP = "or: the intervals overlap, so the measurement cannot tell them apart"

EXTRA = ("time", "least to most", "fastest on")
"""Columns that a narrow console can do without, the first to go first."""


@dataclass(frozen=True)
class _Table:
    """Cells as text. `rows` may be empty: then there is only a title and a note."""

    title: str
    header: list[str]
    rows: list[list[str]]
    note: str = ""


def markdown(records: pd.DataFrame) -> str:
    """Winners and crossovers as tables to paste, one pair per condition.

    Raises: ResultsError without any row.
    """
    blocks = []
    for table in _tables(records):
        blocks.append(f"**{_escaped(table.title)}**")
        if table.rows:
            rule = ["---" if name in TEXT else "---:" for name in table.header]
            lines = [table.header, rule, *table.rows]
            blocks.append("\n".join(f"| {' | '.join(map(_escaped, line))} |" for line in lines))
        if table.note:
            blocks.append(_escaped(table.note))
    rest = "\n".join(f"- {_escaped(line)}" for line in leftovers(records))
    return "\n\n".join([*blocks, rest] if rest else blocks)


def closing_table(records: pd.DataFrame, console: Console) -> None:
    """Print what a run found: winners by density, crossovers, rows without a time and why.

    Raises: ResultsError without any row.
    """
    from rich.text import Text

    for table in _tables(records):
        console.print(Text(f"\n{table.title}", style="bold"))
        if table.rows:
            _print(table, console)
        if table.note:
            console.print(Text(table.note, style="yellow"))
    for line in leftovers(records):
        console.print(Text(line, style="yellow"))


def _print(table: _Table, console: Console) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    need = {name: _width(table, i) for i, name in enumerate(table.header)}
    for name in EXTRA:
        if name in need and sum(need.values()) + GAP * len(need) > console.width:
            del need[name]
    room = console.width - sum(need.values()) - GAP * len(need)
    if "fastest" in need:
        need["fastest"] += min(max(room, 0), _longest(table, "fastest") - need["fastest"])
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name, width in need.items():
        justify: Literal["left", "right"] = "left" if name in TEXT else "right"
        drawn.add_column(Text(name), justify=justify, width=width)
    grouped = "rows x cols" in table.header
    for _, rows in groupby(table.rows, key=lambda row: row[0] if grouped else ""):
        for row in rows:
            drawn.add_row(*[Text(row[table.header.index(name)]) for name in need])
        drawn.add_section()
    console.print(drawn)


def _longest(table: _Table, name: str) -> int:
    return max(len(row[table.header.index(name)]) for row in table.rows)


def _width(table: _Table, column: int) -> int:
    """What a column needs: a header may break between words, a cell only between alternatives."""
    cells = [part for row in table.rows for part in row[column].split(f" {OR} ")]
    return max(len(word) for word in (*table.header[column].split(), *cells))


def _tables(records: pd.DataFrame) -> Iterator[_Table]:
    for part in parts(records):
        title = " · ".join(part.condition.words)
        rows = of_part(part)
        if rows.empty:
            yield _Table(title, [], [], "nothing to compare: no lossless format was timed")
            continue
        names = baselines(part.timed)
        over = names[0] if len(names) == 1 else "the fastest dense" if names else ""
        columns = _columns(rows, over)
        cells = [[cell(row) for cell in columns.values()] for row in rows.itertuples()]
        ties = OVERLAP if any(f" {OR} " in cell for row in cells for cell in row) else ""
        yield _Table(title, list(columns), cells, missing_dense(part) or ties)
        crossings = crossovers_of(part)
        if over and not crossings.empty:
            yield _crossings(part, crossings, over)


def _columns(rows: pd.DataFrame, over: str) -> dict[str, Callable[[Any], str]]:
    """Header and what to write below it; what would be empty or the same throughout is left out."""
    many = bool((rows["problems"] > 1).any())
    columns: dict[str, Callable[[Any], str]] = {}
    if rows["shape"].nunique() > 1:
        columns["rows x cols"] = lambda row: str(row.shape)
    columns |= {"density": lambda row: f"{row.density:g}", "fastest": _fastest}
    if over:
        columns[f"speed-up over {over}"] = lambda row: times(row.speedup)
        columns["95 % interval"] = lambda row: interval(row.low, row.high) or "-"
    if over and many:
        columns["least to most"] = lambda row: interval(row.least, row.most)
    if many:
        columns["fastest on"] = lambda row: f"{row.wins} of {row.problems}"
    columns["bytes saved"] = lambda row: _percent(row.saved)
    if not many:
        columns["time"] = lambda row: _time(row.time_us)
    return columns


def _crossings(part: Part, found: pd.DataFrame, over: str) -> _Table:
    """A row per format, the one that stays ahead longest first; a column per shape."""
    names = [n for n in shapes(part.timed) if n in set(found["shape"])] or [""]
    rank = found["density"].where(found["kind"] != "always", np.inf).fillna(0)
    formats = rank.groupby(found["format"]).mean().sort_values(ascending=False, kind="stable")
    texts = dict(zip(zip(found["format"], found["shape"], strict=True), found["text"], strict=True))
    header = ["format", *names] if len(names) > 1 else ["format", "density"]
    rows = [[str(f), *(texts.get((f, n), "") for n in names)] for f in formats.index]
    over_shapes = "" if names != [""] else f", median over {len(shapes(part.timed))} shapes"
    return _Table(f"Faster than {over} below density{over_shapes}", header, rows)


def _fastest(row: Any) -> str:
    """Whose interval overlaps the winner's may be as fast: `csr16 or macko`."""
    others = row.baseline if row.kind == "unclear" else row.tied
    return f" {OR} ".join((row.format, *others))


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{round(100 * share)} %"


def _time(us: float) -> str:
    return f"{us / 1000:.3g} ms" if us >= 1000 else f"{us:.3g} µs"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
