"""The answer: sentences and a small table per question, with its devices side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePath
from typing import Any

import numpy as np

from spmvbench.curves import Condition, Part, tail
from spmvbench.plots.style import style
from spmvbench.report.colors import variables
from spmvbench.report.words import Found, facts, find, lead, lossy, saved
from spmvbench.summary.render import duration, fewer, saves, winner
from spmvbench.summary.sentence import interval, times


@dataclass(frozen=True)
class Cell:
    """Text, a smaller one behind it, and the colour of the format that is meant, for a page."""

    text: str = ""
    note: str = ""
    color: str = ""


@dataclass(frozen=True)
class Side:
    """One device, and the threads it used: a paragraph and a group of columns."""

    title: str
    lead: str
    facts: Sequence[tuple[str, str]]
    heads: Sequence[Cell]
    cells: Mapping[float, Sequence[Cell]]
    crossings: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """A question, that is what an experiment asks of every device, and its answers.

    `rows`: a density and the cells of all sides; `break_even`: a format and its density by side.
    """

    title: str
    sides: Sequence[Side]
    rows: Sequence[tuple[str, Sequence[Cell]]]
    break_even: Sequence[tuple[Cell, Sequence[str]]]


def answers(parts: Sequence[Part]) -> list[Answer]:
    """One per question, in order."""
    ordered = sorted(parts, key=lambda part: _question(part.condition))
    return [
        _answer([_side(part) for part in own], list(key))
        for key, own in groupby(ordered, lambda part: _question(part.condition))
    ]


def dots(found: Sequence[Answer]) -> set[str]:
    """The colours in them."""
    cells = [cell for answer in found for _, row in answer.rows for cell in row]
    cells += [cell for answer in found for cell, _ in answer.break_even]
    cells += [cell for answer in found for side in answer.sides for cell in side.heads]
    return {cell.color for cell in cells}


def _question(condition: Condition) -> tuple[str, ...]:
    """All of a condition but the device and its threads, in words."""
    c = condition
    batch = f"batch {c.batch}"
    cache = f"{c.cache} cache" if c.cache else ""
    return (c.experiment, c.dtype, c.pattern, PurePath(c.source).name, batch, cache)


def _answer(sides: Sequence[Side], words: Sequence[str]) -> Answer:
    densities = sorted({density for side in sides for density in side.cells})
    rows = [
        (f"{d:g}", [cell for side in sides for cell in side.cells.get(d, [Cell()] * _wide(side))])
        for d in densities
    ]
    formats = dict.fromkeys(name for side in sides for name in side.crossings)
    break_even = [
        (_format(name), [side.crossings.get(name, "") for side in sides]) for name in formats
    ]
    return Answer(" · ".join(filter(None, words)), sides, rows, break_even)


def _wide(side: Side) -> int:
    return len(side.heads)


def _side(part: Part) -> Side:
    c, found = part.condition, find(part)
    threads = f", {c.threads} thread{'s' * (c.threads != 1)}" if c.threads else ""
    known = found.crossings if found.over else found.crossings[:0]
    texts = {row.format: row.text for row in known.itertuples()}
    cells = {row.density: list(_cells(row, found)) for row in found.winners.itertuples()}
    return Side(f"{c.device}{threads}", lead(found), facts(found), _heads(found), cells, texts)


def _heads(found: Found) -> list[Cell]:
    quantity = Cell("speed-up", f"over {found.over}") if found.over else Cell("time")
    heads = [Cell("fastest"), quantity, Cell("bytes saved")]
    for name, own in lossy(found.part).groupby("format"):
        heads.append(Cell(tail(name), f"lossy, {saves(saved(own))}", _color(name)))
    return heads


def _cells(row: Any, found: Found) -> Iterator[Cell]:
    """A row of `summary.winners` as cells, and what the lossy formats reach there."""
    yield Cell(winner(row), "not clear" if row.kind == "unclear" else "", _color(row.format))
    ends = interval(row.low, row.high) if row.format not in row.baseline else ""
    yield Cell(times(row.speedup), ends) if found.over else Cell(duration(row.time_us))
    yield Cell(fewer(row.saved))
    for _, own in lossy(found.part).groupby("format"):
        speedups = own.loc[(own["density"] == row.density) & (own["speedup"] > 0), "speedup"]
        mean = float(np.exp(np.log(speedups.astype(float)).mean())) if len(speedups) else 0.0
        yield Cell(times(mean) if mean else "-")


def _format(name: str) -> Cell:
    return Cell(tail(name), color=_color(name))


def _color(name: str) -> str:
    return variables(style(name).color)
