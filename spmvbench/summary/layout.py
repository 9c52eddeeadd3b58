"""A table as text: Markdown to paste, and Rich in the width of a console."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.console import Console

SHAPE = "rows x cols"

TEXT = (
    *(SHAPE, "fastest", "format", "target", "rival", "verdict", "claim", "against"),
    *("densities", "source", "dtype", "pattern", "cache"),
)
"""Columns that are words: aligned left."""

GAP = 3
"""Characters between two columns of a Rich table."""

OR = "or"

EXTRA = (
    *("time", "bytes saved", "least to most", "fastest on", "95 % interval", "rival", "beyond"),
    "noise floor",
)
"""Columns that a narrow console can do without, the first to go first."""

BOUNDS = re.compile(r" \([0-9.]+-[0-9.]+\)")
"""The interval behind a value; a narrow console can do without."""


@dataclass(frozen=True)
class Table:
    """Cells as text. `rows` may be empty: then there is only a title and notes.

    `section`: the column whose new values begin a section. `once`: on a
    console that value stands in the section's first line only. `whole`: columns whose cells are
    broken last. `styles`: cell -> style of Rich.
    """

    title: str
    header: list[str]
    rows: list[list[str]]
    notes: Sequence[str] = ()
    section: str = ""
    once: bool = False
    whole: Sequence[str] = ()
    styles: Mapping[str, str] = field(default_factory=dict)


def to_markdown(table: Table) -> str:
    """The table to paste, its title in bold above it and its notes below."""
    blocks = [f"**{escaped(table.title)}**"]
    if table.rows:
        rule = ["---" if name in TEXT else "---:" for name in table.header]
        lines = [table.header, rule, *table.rows]
        blocks.append("\n".join(f"| {' | '.join(map(escaped, line))} |" for line in lines))
    return "\n\n".join([*blocks, *map(escaped, table.notes)])


def escaped(text: str) -> str:
    """Text that stays in its cell."""
    return text.replace("|", "\\|")


def show(table: Table, console: Console) -> None:
    """Print the table, its title above it and its notes below."""
    from rich.text import Text

    console.print(Text(f"\n{table.title}", style="bold"))
    if table.rows:
        _print(table, console)
    for note in table.notes:
        console.print(Text(note, style="yellow"))


def _print(table: Table, console: Console) -> None:
    need = _widths(table, console.width)
    if _total(need) > console.width and table.once:
        _print_below_titles(table, console)
        return
    if _total(need) > console.width:
        table = _without_bounds(table)
        need = _widths(table, console.width)
    _draw(table, need, _sections(table), console)


def _print_below_titles(table: Table, console: Console) -> None:
    """Each section below its own value: without that column there is more room for the others."""
    from rich.text import Text

    place = table.header.index(table.section)
    names, *rows = ([*row[:place], *row[place + 1 :]] for row in (table.header, *table.rows))
    rest = replace(table, header=names, rows=rows, section="", once=False)
    if _total(_widths(rest, console.width)) > console.width:
        rest = _without_bounds(rest)
    need = _widths(rest, console.width)
    titles = [row[place] for row in table.rows]
    for number, (title, own) in enumerate(groupby(range(len(rows)), key=lambda i: titles[i])):
        console.print(Text(f"\n{title}" if number else title, style="italic"))
        _draw(rest, need, [[rest.rows[i] for i in own]], console, header=not number)


def _without_bounds(table: Table) -> Table:
    return replace(table, rows=[[BOUNDS.sub("", cell) for cell in row] for row in table.rows])


def _draw(
    table: Table,
    need: Mapping[str, int],
    sections: Iterable[list[list[str]]],
    console: Console,
    *,
    header: bool = True,
) -> None:
    from rich import box
    from rich.table import Table as Drawn
    from rich.text import Text

    if table.whole and _total(need) > console.width:
        need = _widths(replace(table, whole=()), console.width)
    drawn = Drawn(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, show_header=header)
    for name, width in need.items():
        justify: Literal["left", "right"] = "left" if name in TEXT else "right"
        drawn.add_column(Text(name), justify=justify, width=width, overflow="fold")
    for section in sections:
        for row in section:
            cells = [row[table.header.index(name)] for name in need]
            drawn.add_row(*[Text(cell, style=table.styles.get(cell, "")) for cell in cells])
        drawn.add_section()
    console.print(drawn)


def _sections(table: Table) -> Iterator[list[list[str]]]:
    if not table.section:
        yield table.rows
        return
    place = table.header.index(table.section)
    for _, rows in groupby(table.rows, key=lambda row: row[place]):
        first, *more = rows
        hidden = [[*row[:place], "", *row[place + 1 :]] for row in more]
        yield [first, *(hidden if table.once else more)]


def _widths(table: Table, width: int) -> dict[str, int]:
    """Of the columns that a console of that width has room for; words are cut when all else fails.

    First to go are extra columns, then the room to keep a cell in one line.
    """
    need = {name: _width(table, name, f" {OR} ") for name in table.header}
    for name in EXTRA:
        if name in need and _total(need) > width:
            del need[name]
    least = {name: _width(table, name, "\n" if name in table.whole else None) for name in need}
    whole = {name: _width(table, name, "\n") for name in need}
    found = need if _total(need) <= width else least
    for wanted in (need, whole):
        for name in found:
            room = max(0, width - _total(found))
            found[name] += max(0, min(room, wanted[name] - found[name]))
    return found


def _total(widths: Mapping[str, int]) -> int:
    return sum(widths.values()) + GAP * (len(widths) - 1)


def _width(table: Table, name: str, between: str | None) -> int:
    """What a column needs: a header may break between words, a cell where `between` is found."""
    column = table.header.index(name)
    cells = [part for row in table.rows for part in row[column].split(between)]
    return max(len(word) for word in (*name.split(), *cells))
