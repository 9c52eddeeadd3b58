"""All that a report is made of: rows, the environments they name, the experiments as they ran."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from spmvbench.errors import ResultsError
from spmvbench.records import CSV, EXPERIMENT, load
from spmvbench.share.folders import all_opened


@dataclass(frozen=True)
class Folder:
    """A results folder, named by its rows: a page that travels says nothing of paths.

    `text`: of its experiment, "" without one.
    """

    experiment: str
    device: str
    text: str

    @property
    def label(self) -> str:
        """`sparsity_sweep/amd-epyc-2c`, below the folder of all results."""
        return f"{self.experiment}/{self.device}"

    def rows(self, records: pd.DataFrame) -> pd.DataFrame:
        """Its own rows of the records."""
        own = (records["experiment"] == self.experiment) & (records["device"] == self.device)
        return records[own]


@dataclass(frozen=True)
class Sources:
    """`environments`: by the hash in the rows."""

    records: pd.DataFrame
    environments: Mapping[str, Mapping[str, Any]]
    folders: Sequence[Folder]


def read(paths: Sequence[Path]) -> Sources:
    """What there is at or below the paths. Raises: ResultsError where it is not as a run writes."""
    with all_opened(paths) as folders:
        files = [folder.path / CSV for folder in folders]
        records = load(files)
        known: dict[str, Any] = {}
        for folder in folders:
            known |= folder.environments
        return Sources(records, known, list(dict.fromkeys(_folders(files))))


def _folders(files: Sequence[Path]) -> Iterator[Folder]:
    for file in files:
        with file.open(encoding="utf-8", newline="") as lines:
            first = next(csv.DictReader(lines), None)
        if first:
            yield Folder(first["experiment"], first["device"], _experiment(file.parent))


def _experiment(folder: Path) -> str:
    path = folder / EXPERIMENT
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ResultsError(
            f"{path}: cannot be read as text ({error}); restore or delete it"
        ) from error
