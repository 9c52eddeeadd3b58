"""The tables as text: Markdown to paste, and Rich for the end of a run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from spmvbench.curves import Part, baselines, parts, shapes, tail
from spmvbench.summary.flags import flags
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

EXTRA = ("time", "bytes saved", "least to most", "fastest on", "95 % interval")
"""Columns that a narrow console can do without, the first to go first."""

BOUNDS = re.compile(r" \([0-9.]+-[0-9.]+\)")
"""The interval behind a crossover; a narrow console can do without."""


@dataclass(frozen=True)
class _Table:
    """Cells as text. `rows` may be empty: then there is only a title and notes."""

    title: str
    header: list[str]
    rows: list[list[str]]
    notes: Sequence[str] = ()


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
        blocks += map(_escaped, table.notes)
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
        for note in table.notes:
            console.print(Text(note, style="yellow"))
    for line in leftovers(records):
        console.print(Text(line, style="yellow"))


def _print(table: _Table, console: Console) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    need = _widths(table, console.width)
    if _total(need) > console.width:
        shorter = [[BOUNDS.sub("", cell) for cell in row] for row in table.rows]
        table = replace(table, rows=shorter)
        need = _widths(table, console.width)
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name, width in need.items():
        justify: Literal["left", "right"] = "left" if name in TEXT else "right"
        drawn.add_column(Text(name), justify=justify, width=width, overflow="fold")
    grouped = "rows x cols" in table.header
    for _, rows in groupby(table.rows, key=lambda row: row[0] if grouped else ""):
        for row in rows:
            drawn.add_row(*[Text(row[table.header.index(name)]) for name in need])
        drawn.add_section()
    console.print(drawn)


def _widths(table: _Table, width: int) -> dict[str, int]:
    """Of the columns that a console of that width has room for; words are cut when all else fails.

    First to go are extra columns, then the room to keep a cell in one line.
    """
    need = {name: _width(table, name, f" {OR} ") for name in table.header}
    for name in EXTRA:
        if name in need and _total(need) > width:
            del need[name]
    least = {name: _width(table, name, None) for name in need}
    whole = {name: _width(table, name, "\n") for name in need}
    found = need if _total(need) <= width else least
    for wanted in (need, whole):
        for name in found:
            room = max(0, width - _total(found))
            found[name] += max(0, min(room, wanted[name] - found[name]))
    return found


def _total(widths: dict[str, int]) -> int:
    return sum(widths.values()) + GAP * (len(widths) - 1)


def _width(table: _Table, name: str, between: str | None) -> int:
    """What a column needs: a header may break between words, a cell where `between` is found."""
    column = table.header.index(name)
    cells = [part for row in table.rows for part in row[column].split(between)]
    return max(len(word) for word in (*name.split(), *cells))


def _tables(records: pd.DataFrame) -> Iterator[_Table]:
    for part in parts(records):
        title = " · ".join(part.condition.words)
        rows = of_part(part)
        if rows.empty:
            nothing = "nothing to compare: no lossless format was timed"
            yield _Table(title, [], [], _said(nothing, flags(part.timed)))
            continue
        names = baselines(part.timed)
        over = tail(names[0]) if len(names) == 1 else "the fastest dense" if names else ""
        columns = _columns(rows, over)
        cells = [[cell(row) for cell in columns.values()] for row in rows.itertuples()]
        ties = OVERLAP if any(f" {OR} " in cell for row in cells for cell in row) else ""
        notes = _said(missing_dense(part) or ties, flags(part.timed))
        yield _Table(title, list(columns), cells, notes)
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
    rows = [[tail(str(f)), *(texts.get((f, n), "") for n in names)] for f in formats.index]
    over_shapes = "" if names != [""] else f", median over {len(shapes(part.timed))} shapes"
    return _Table(f"Faster than {over} below density{over_shapes}", header, rows)


def _fastest(row: Any) -> str:
    """Whose interval overlaps the winner's may be as fast: `csr16 or macko`."""
    others = row.tied
    if row.kind == "unclear":
        others = [name for name in (row.rival.format, *row.baseline) if name != row.format]
    return f" {OR} ".join(map(tail, (row.format, *dict.fromkeys(others))))


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{round(100 * share)} %"


def _time(us: float) -> str:
    return f"{us / 1000:.3g} ms" if us >= 1000 else f"{us:.3g} µs"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
