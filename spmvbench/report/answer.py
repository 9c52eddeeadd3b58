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
from spmvbench.report.words import crossings, facts, lead, over, saved
from spmvbench.summary.render import duration, percent, winner
from spmvbench.summary.sentence import interval, times
from spmvbench.summary.tables import of_part


@dataclass(frozen=True)
class Cell:
    """Text, a smaller one behind it, and the colour of the format that is meant."""

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
    c = part.condition
    threads = f", {c.threads} thread{'s' * (c.threads != 1)}" if c.threads else ""
    found = crossings(part)
    texts = {} if found.empty else dict(zip(found["format"], found["text"], strict=True))
    return Side(
        f"{c.device}{threads}",
        lead(part),
        facts(part),
        _heads(part),
        {row.density: list(_cells(row, part)) for row in of_part(part, per_shape=0).itertuples()},
        texts if over(part) else {},
    )


def _heads(part: Part) -> list[Cell]:
    quantity = Cell("speed-up", f"over {over(part)}") if over(part) else Cell("time")
    heads = [Cell("fastest"), quantity, Cell("bytes saved")]
    timed = part.timed
    for name in _lossy(part):
        share = percent(saved(timed[timed["format"] == name]))
        heads.append(Cell(tail(name), f"lossy, saves {share}", style(name).color))
    return heads


def _lossy(part: Part) -> list[str]:
    rows = part.timed[~part.timed["lossless"] & (part.timed["layout"] == "")]
    return sorted(map(str, rows["format"].unique()))


def _cells(row: Any, part: Part) -> Iterator[Cell]:
    """A row of `summary.winners` as cells, and what the lossy formats reach there."""
    names = winner(row)
    yield Cell(names, "not clear" if row.kind == "unclear" else "", style(row.format).color)
    ends = interval(row.low, row.high) if row.format not in row.baseline else ""
    yield Cell(times(row.speedup), ends) if over(part) else Cell(duration(row.time_us))
    yield Cell(percent(row.saved))
    here = part.timed[part.timed["density"] == row.density]
    for name in _lossy(part):
        speedups = here.loc[(here["format"] == name) & (here["speedup"] > 0), "speedup"]
        mean = float(np.exp(np.log(speedups.astype(float)).mean())) if len(speedups) else 0.0
        yield Cell(times(mean) if mean else "-")


def _format(name: str) -> Cell:
    return Cell(tail(name), color=style(name).color)
