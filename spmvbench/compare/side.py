"""One side of a comparison: the rows of each case, every results folder a process start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from spmvbench.errors import ResultsError
from spmvbench.record import Record
from spmvbench.share.folders import all_opened

BROKEN = ("wrong", "crashed", "timeout", "oom", "error")
"""Statuses of a format that was tried and has no time, the worst first."""


class Place(NamedTuple):
    """What has to be equal before two times may be compared."""

    experiment: str
    device: str
    driver: str

    @property
    def words(self) -> str:
        """`cpu_formats on AMD EPYC`."""
        driver = f" (driver {self.driver})" if self.driver else ""
        return f"{self.experiment} on {self.device}{driver}"


class Case(NamedTuple):
    """What was measured there: see the columns of these names."""

    key: str
    cache: str
    threads: int
    format: str


@dataclass(frozen=True)
class Side:
    """The rows of each case, one per folder; `environments`: those of them, as they were noted."""

    rows: Mapping[Place, Mapping[Case, Sequence[Record]]]
    environments: Mapping[Place, Sequence[Mapping[str, Any]]]


def read_side(paths: Sequence[Path]) -> Side:
    """All rows at or below the folders or in the bundles given, of each case the newest in each.

    Several folders with the same case are several process starts of the same thing.
    Raises: ResultsError where there is nothing to read.
    """
    rows: dict[Place, dict[Case, list[Record]]] = {}
    seen: dict[Place, list[Mapping[str, Any]]] = {}
    with all_opened(paths) as folders:
        for folder in folders:
            newest = {}
            for row in folder.rows:
                place = _place(row, folder.environments.get(row.environment, {}))
                newest[place, Case(*row.case)] = row
            for (place, case), row in newest.items():
                rows.setdefault(place, {}).setdefault(case, []).append(row)
                entry = folder.environments.get(row.environment, {})
                if entry not in (entries := seen.setdefault(place, [])):
                    entries.append(entry)
    if not rows:
        raise ResultsError(f"{', '.join(map(str, paths))}: no rows in any records.csv")
    return Side(rows, seen)


def _place(row: Record, entry: Mapping[str, Any]) -> Place:
    """The slug stands beside the model: it tells the cores, and a copy without environment.json."""
    model = entry.get("device")
    device = f"{model} [{row.device}]" if model else row.device
    driver = entry.get("driver", entry.get("cuda_driver", ""))
    return Place(row.experiment, device, str(driver))


def status(rows: Sequence[Record]) -> str:
    """The worst of any start, unavailable aside: that costs one start only. "" without a row."""
    found = {row.status for row in rows}
    return next((s for s in (*BROKEN, "ok") if s in found), rows[-1].status if rows else "")
