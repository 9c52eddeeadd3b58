"""Which rows of two sides may be joined, and what else differs between where they are from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spmvbench.compare.side import Case, Place, Side
from spmvbench.errors import ResultsError
from spmvbench.record import Record

Cases = Mapping[Case, Sequence[Record]]

_EXPECTED = ("commit", "source_hash", "outside", "memory_bytes", "spmvbench")
"""A comparison is made because source differs; free memory differs from start to start."""


@dataclass(frozen=True)
class Joined:
    """The cases of base and new by place. `incomparable`: why there are none; `notes`: warnings."""

    pairs: Sequence[tuple[Place, Cases, Cases]] = ()
    incomparable: str = ""
    notes: Sequence[str] = ()


def joined(base: Side, new: Side, *, across_machines: bool) -> Joined:
    """What both sides have; other devices and drivers are joined only across machines."""
    pairs = [(p, p) for p in base.rows if p in new.rows]
    if across_machines:
        theirs = _by_experiment(new)
        pairs = [(p, theirs[e]) for e, p in _by_experiment(base).items() if e in theirs]
    if not pairs:
        return Joined(incomparable=_difference(base, new))
    notes = [note for one, other in pairs if one == other for note in _notes(base, new, one)]
    for side, own, place in (("base", base, 0), ("new", new, 1)):
        left = [p.words for p in own.rows if p not in [pair[place] for pair in pairs]]
        notes += [f"only {side} has {', '.join(left)}: not compared"] if left else []
    found = [(other, base.rows[one], new.rows[other]) for one, other in pairs]
    return Joined(found, notes=notes)


def _by_experiment(side: Side) -> dict[str, Place]:
    found: dict[str, Place] = {}
    for place in side.rows:
        if place.experiment in found:
            raise ResultsError(
                f"--across-machines: one side has {place.experiment} of "
                f"{found[place.experiment].device} and of {place.device}; name the folder of one"
            )
        found[place.experiment] = place
    return found


def _difference(base: Side, new: Side) -> str:
    """The first thing in which no place of one side is like one of the other."""
    for name in Place._fields:
        before, now = (sorted({getattr(p, name) for p in side.rows}) for side in (base, new))
        if not set(before) & set(now):
            hint = "" if name == "experiment" else "; --across-machines compares speed-ups instead"
            seen = " and ".join(f"'{', '.join(own)}'" for own in (before, now))
            return f"not comparable: {name} is {seen}{hint}"
    return "not comparable: no experiment was run on the same device and driver on both sides"


def _notes(base: Side, new: Side, place: Place) -> Iterator[str]:
    before, now = (dict(_flat(side.environments[place][-1])) for side in (base, new))
    names = [n for n in sorted({*before, *now}) if before.get(n) != now.get(n)]
    if names and before and now:
        said = [f"{n} {before.get(n, 'none')} -> {now.get(n, 'none')}" for n in names]
        yield f"environments differ: {', '.join(said)}"
    for name, side in (("base", base), ("new", new)):
        sources = {entry.get("source_hash") for entry in side.environments[place]}
        if len(sources) > 1:
            yield f"{name} mixes rows of {len(sources)} sources (source_hash in environment.json)"
    rules = [
        {row.protocol for rows in side.rows[place].values() for row in rows} for side in (base, new)
    ]
    if rules[0] != rules[1]:
        yield "timing settings differ (column protocol)"


def _flat(entry: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in entry.items():
        if name == "libraries":
            yield from ((str(library), str(version)) for library, version in value.items())
        elif name not in _EXPECTED:
            yield name, ", ".join(map(str, value)) if isinstance(value, list) else str(value)
