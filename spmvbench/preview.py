"""What a dry run says: the cases by shape, the bytes of each format, and the likely time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from spmvbench.advice.words import size
from spmvbench.case import Case
from spmvbench.clock import clock
from spmvbench.summary.layout import SHAPE, Table, show

if TYPE_CHECKING:
    from rich.console import Console

SHOWN = 40
"""Lines of a table; of more it is said how many."""

FEW = 3
"""Densities that are named one by one."""

MEMORY = "memory: all formats of the largest case, packed at once; copies come on top"


@dataclass(frozen=True)
class Foreseen:
    """A case, the bytes of each of its formats or why there are none, and its likely seconds."""

    case: Case
    sizes: Mapping[str, int | str]
    likely_s: float

    @property
    def packed_bytes(self) -> int:
        """Of all its formats together."""
        return sum(found for found in self.sizes.values() if isinstance(found, int))


def show_preview(foreseen: Sequence[Foreseen], console: Console) -> None:
    """Print the tables and the sentence."""
    for table in tables(foreseen):
        show(table, console)
    console.print(f"\n{sentence(foreseen)}", highlight=False, soft_wrap=True)


def sentence(foreseen: Sequence[Foreseen]) -> str:
    """`20 cases, about 2:10 (an estimate); nothing was measured`."""
    number = f"{len(foreseen)} case{'' if len(foreseen) == 1 else 's'}"
    about = clock(sum(one.likely_s for one in foreseen))
    return f"{number}, about {about} (an estimate); nothing was measured"


def tables(foreseen: Sequence[Foreseen]) -> list[Table]:
    """The cases, then the formats; none of no case."""
    return [_cases(foreseen), _formats(foreseen)] if foreseen else []


CONDITIONS: dict[str, Callable[[Case], str]] = {
    "source": lambda case: PurePath(case.problem.source or "").name,
    "dtype": lambda case: case.problem.dtype,
    "pattern": lambda case: case.problem.pattern,
    "batch": lambda case: str(case.problem.batch),
    "seed": lambda case: str(case.problem.seed),
    "cache": lambda case: case.cache,
    "threads": lambda case: str(case.threads or ""),
}
"""What cases may differ in, besides shape and density."""

PLAIN = ("source", "dtype", "pattern")
"""Those that are said without their name."""


def _cases(foreseen: Sequence[Foreseen]) -> Table:
    """A row per shape and condition; what all have in common is in the title."""
    values = {name: {of(one.case) for one in foreseen} for name, of in CONDITIONS.items()}
    differing = [name for name, found in values.items() if len(found) > 1]
    common = {name: min(found) for name, found in values.items() if name not in differing}
    said = [word if name in PLAIN else f"{name} {word}" for name, word in common.items() if word]
    groups: dict[tuple[str, ...], list[Foreseen]] = {}
    for one in foreseen:
        shape = f"{one.case.problem.rows} x {one.case.problem.cols}"
        groups.setdefault((shape, *(CONDITIONS[name](one.case) for name in differing)), []).append(
            one
        )
    rows = [
        [
            *key,
            _densities([one.case.problem.density for one in own]),
            str(len(own)),
            size(max(one.packed_bytes for one in own)),
            clock(sum(one.likely_s for one in own)),
        ]
        for key, own in groups.items()
    ]
    notes = [MEMORY, *_left_out(len(rows))]
    header = [SHAPE, *differing, "densities", "cases", "memory", "time"]
    return Table(" · ".join(["Cases", *said]), header, rows[:SHOWN], notes, whole=[SHAPE])


def _densities(found: Sequence[float | None]) -> str:
    """`0.1, 0.5`; `0.05 to 1 (11)`; `as stored`."""
    known = sorted({density for density in found if density is not None})
    if not known:
        return "as stored"
    if len(known) <= FEW:
        return ", ".join(f"{density:g}" for density in known)
    return f"{known[0]:g} to {known[-1]:g} ({len(known)})"


def _formats(foreseen: Sequence[Foreseen]) -> Table:
    """A row per format that has a size somewhere; why others, or it elsewhere, have none, below."""
    sizes: dict[str, list[int]] = {}
    why: dict[str, dict[str, int]] = {}
    for one in foreseen:
        for name, found in one.sizes.items():
            sizes.setdefault(name, [])
            if isinstance(found, int):
                sizes[name].append(found)
            else:
                reasons = why.setdefault(name, {})
                reasons[found] = reasons.get(found, 0) + 1
    rows = [
        [name, str(len(found)), size(min(found)), size(max(found))]
        for name, found in sizes.items()
        if found
    ]
    notes = list(_reasons(why, len(foreseen)))
    return Table("Bytes of each format", ["format", "cases", "least", "most"], rows, notes)


def _reasons(why: Mapping[str, Mapping[str, int]], cases: int) -> Iterator[str]:
    """Each reason once, with the formats that it is of, and how many cases if not all."""
    names: dict[tuple[str, int], list[str]] = {}
    for name, reasons in why.items():
        for reason, number in reasons.items():
            names.setdefault((reason.removeprefix(f"{name} "), number), []).append(name)
    for (reason, number), own in names.items():
        part = "" if number == cases else f" ({number} of {cases} cases)"
        yield f"{', '.join(own)}{part}: {reason}"


def _left_out(rows: int) -> list[str]:
    return [f"and {rows - SHOWN} more"] if rows > SHOWN else []
