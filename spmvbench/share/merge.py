"""Results of several machines or jobs in one tree: of each case the newest row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from spmvbench.errors import ResultsError
from spmvbench.record import Record
from spmvbench.share import outcome
from spmvbench.share.conflicts import Conflict, conflicts
from spmvbench.share.folders import Folder, all_opened

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Candidate:
    """The newest row of a case in one results folder; `number` is that of the folder."""

    row: Record
    folder: Folder
    number: int

    @property
    def age(self) -> tuple[str, int]:
        """What sorts last is newest: when its environment was measured in last, then the order."""
        return self.folder.dates.get(self.row.environment, ("", ""))[1], self.number


@dataclass(frozen=True)
class Group:
    """What becomes one results folder: the candidates of each case, the one that counts last."""

    name: str
    cases: list[list[Candidate]]

    @property
    def kept(self) -> list[Candidate]:
        """One per case."""
        return [found[-1] for found in self.cases]


@dataclass(frozen=True)
class Merged:
    """What was made: rows per results folder, and how many older ones, not copies, are left out."""

    rows: dict[str, int]
    superseded: int
    conflicts: list[Conflict]


def merge(paths: Sequence[Path], out: Path) -> Merged:
    """Write `out`/experiment/device/ of all results folders and bundles at or below the paths.

    Newest is the row whose environment was measured in last; where no dates tell, that of the
    path given last. Raises: ResultsError for what cannot be read, for an `out` that is among the
    paths, or that has files that no merge wrote.
    """
    with all_opened(paths) as opened:
        found = [replace(one, name=f"{one.given}/{one.name}") for one in opened]
        _apart(found, out)
        groups = [_group(_safe(name), list(own)) for name, own in _sorted(found)]
        if not groups:
            raise ResultsError(f"{', '.join(map(str, paths))}: no row in any of them")
        with outcome.Target(out) as target:
            for group in groups:
                _save(group, target)
        return Merged(
            {group.name: len(group.cases) for group in groups},
            sum(not _same(*pair) for group in groups for pair in _pairs(group)),
            [c for group in groups for c in conflicts(group.name, _pairs(group))],
        )


def _apart(found: Iterable[Folder], out: Path) -> None:
    """Refuse to read from where it writes: the next merge would take its own rows for others'."""
    for folder in found:
        if folder.path.resolve().is_relative_to(out.resolve()):
            raise ResultsError(f"--out {out}: {folder.path} is inside; choose a folder beside it")


def _sorted(found: Iterable[Folder]) -> Iterable[tuple[str, Iterable[Candidate]]]:
    """The candidates of each results folder to be, in the order in which they were given."""
    every = [
        Candidate(row, folder, number)
        for number, folder in enumerate(found)
        for row in folder.newest
    ]

    def name(one: Candidate) -> str:
        return f"{one.row.experiment}/{one.row.device}"

    return groupby(sorted(every, key=name), name)


def _safe(name: str) -> str:
    """A path below `out`, and nowhere else: rows may be a stranger's. Raises: ResultsError."""
    if not _NAME.fullmatch(name):
        raise ResultsError(
            f"{name!r}: not an experiment and a device as runs name them; 'spmvbench verify' "
            "the bundle that it is from"
        )
    return name


def _group(name: str, own: list[Candidate]) -> Group:
    cases: dict[object, list[Candidate]] = {}
    for one in own:
        cases.setdefault(one.row.case, []).append(one)
    return Group(name, [sorted(found, key=lambda one: one.age) for found in cases.values()])


def _pairs(group: Group) -> list[tuple[Candidate, Candidate]]:
    """Each row that counts with each that does not."""
    return [(found[-1], older) for found in group.cases for older in found[:-1]]


def _same(one: Candidate, other: Candidate) -> bool:
    """Whether they are copies of one row."""
    return replace(one.row, samples_offset=None) == replace(other.row, samples_offset=None)


def _save(group: Group, target: outcome.Target) -> None:
    latest = max(group.kept, key=lambda one: one.age).folder
    kept = [(one.row, one.folder) for one in group.kept]
    target.save(group.name, kept, latest)
