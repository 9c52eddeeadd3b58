"""The results folders at or below a path, read whole, and what can be said of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from spmvbench import dates
from spmvbench.errors import ExperimentError, ResultsError
from spmvbench.record import Record
from spmvbench.records import CSV, EXPERIMENT, csv_files, environments, newest
from spmvbench.share.source import opened
from spmvbench.suites import Suite, suite
from spmvbench.table import read


@dataclass(frozen=True)
class Folder:
    """A results folder; `name` is its path below the top, `.` for the top itself.

    `given`: the top as the user named it, which is the bundle where `path` is what it unpacked to.
    """

    path: Path
    name: str
    given: Path

    @cached_property
    def rows(self) -> list[Record]:
        """All rows, in order. Raises: ResultsError."""
        return read(self.path / CSV)

    @cached_property
    def newest(self) -> list[Record]:
        """The rows that count. Raises: ResultsError."""
        return newest(self.rows)

    @cached_property
    def environments(self) -> dict[str, Any]:
        """By the hash in the rows. Raises: ResultsError."""
        return environments(self.path)

    @cached_property
    def dates(self) -> dict[str, dates.Span]:
        """By the hash in the rows. Raises: ResultsError."""
        return dates.read(self.path)

    @cached_property
    def suite(self) -> str:
        """The suite that its experiment names, with hash; "" for none. Raises: ResultsError."""
        path = self.path / EXPERIMENT
        if not path.is_file():
            return ""
        try:
            plain = yaml.safe_load(path.read_text(encoding="utf-8"))
            return str(plain.get("suite", ""))
        except (yaml.YAMLError, UnicodeDecodeError, AttributeError, OSError) as error:
            reason = " ".join(str(error).split())
            raise ResultsError(f"{path}: not the experiment of a run ({reason})") from error


def folders(top: Path) -> list[Folder]:
    """All at or below a folder, in order. Raises: ResultsError where there is none."""
    places = [file.parent for file in csv_files(top)]
    return [Folder(place, place.relative_to(top).as_posix(), top) for place in places]


@contextmanager
def all_opened(paths: Iterable[Path]) -> Iterator[list[Folder]]:
    """The results folders at or below paths, or in bundles, each once; for as long as the block.

    Whatever reads results opens them so. Raises: ResultsError; see `source.opened`.
    """
    with ExitStack() as stack:
        found: dict[Path, Folder] = {}
        for path in {path.resolve(): path for path in paths}.values():
            for one in folders(stack.enter_context(opened(path))):
                found.setdefault(one.path.resolve(), replace(one, given=path))
        yield list(found.values())


@dataclass(frozen=True)
class Coverage:
    """How much of a suite has rows with a time; `measured` None: unknown here, or other content."""

    pinned: str
    problems: int
    measured: int | None

    def __str__(self) -> str:
        """For people: `llm4-v1@78350b68eb96, 20 of 20 problems`."""
        if self.measured is None:
            return f"{self.pinned}, which this version does not know"
        return f"{self.pinned}, {self.measured} of {self.problems} problems"


@dataclass(frozen=True)
class Facts:
    """What a citation of results has to say, from the rows that count alone; each list sorted.

    `devices` are models, `slugs` the names of their folders. `rows`: how many count.
    """

    experiments: list[str]
    devices: list[str]
    slugs: list[str]
    versions: list[str]
    commits: list[str]
    protocols: list[str]
    schema_versions: list[str]
    measured: dates.Span | None
    suites: list[Coverage]
    rows: int


def facts(found: Iterable[Folder]) -> Facts:
    """Of some results folders. Raises: ResultsError for a file that cannot be read."""
    found = list(found)
    rows = [row for folder in found for row in folder.newest]
    used = list(_environments(found))

    def known(name: str, default: str = "unknown") -> list[str]:
        return sorted({str(entry.get(name, default)) for _, _, entry in used})

    def column(of: Callable[[Record], object]) -> list[str]:
        return sorted({str(of(row)) for row in rows})

    return Facts(
        experiments=column(lambda row: row.experiment),
        devices=known("device"),
        slugs=column(lambda row: row.device),
        versions=known("spmvbench"),
        commits=known("commit"),
        protocols=column(lambda row: row.protocol),
        schema_versions=column(lambda row: row.schema_version),
        measured=dates.joined([f.dates[name] for f, name, _ in used if name in f.dates]),
        suites=_coverages(found),
        rows=len(rows),
    )


def _environments(found: Iterable[Folder]) -> Iterator[tuple[Folder, str, dict[str, Any]]]:
    """Those that rows which count were measured in."""
    for folder in found:
        for name in sorted({row.environment for row in folder.newest}):
            yield folder, name, folder.environments.get(name, {})


def _coverages(found: Iterable[Folder]) -> list[Coverage]:
    keys: dict[str, set[str]] = {}
    for folder in found:
        if folder.suite:
            timed = {row.key for row in folder.newest if row.median_us is not None}
            keys.setdefault(folder.suite, set()).update(timed)
    return [_coverage(pinned, timed) for pinned, timed in sorted(keys.items())]


def _coverage(pinned: str, timed: set[str]) -> Coverage:
    known = known_suite(pinned)
    if known is None:
        return Coverage(pinned, 0, None)
    return Coverage(pinned, len(known.keys), known.covered(timed))


def known_suite(pinned: str) -> Suite | None:
    """The suite of that name and hash, where this version has it."""
    try:
        return suite(pinned)
    except ExperimentError:
        return None
