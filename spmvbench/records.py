"""The results folder: rows are appended as they are made, and read again by everything after."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from spmvbench.errors import ResultsError
from spmvbench.record import COLUMNS, SCHEMA_VERSION, Record

if TYPE_CHECKING:
    import pandas as pd

CSV = "records.csv"
SAMPLES = "samples.bin"
ENVIRONMENTS = "environment.json"
EXPERIMENT = "experiment.yaml"

_TYPES = get_type_hints(Record)


class Results:
    """A results folder opened for measuring: locked, repaired, appended to.

    Raises: ResultsError where the folder cannot be written or another run holds it.
    """

    def __init__(self, folder: Path) -> None:
        """Make the folder if need be, lock it, and drop a last row that was cut off in writing."""
        self.folder = folder
        self.repaired = 0
        with _saving(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / ".lock").open("a+")
        try:
            self._take_lock()
            with _saving(folder / CSV):
                self.repaired = _repair(folder / CSV)
            self.rows = read(folder / CSV)
            self.environments: dict[str, Any] = _environments(folder / ENVIRONMENTS)
        except ResultsError:
            self.close()
            raise

    def _take_lock(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.seek(0)
            holder = self._lock.read().strip() or "another process"
            raise ResultsError(
                f"{self.folder}: {holder} is measuring into it; wait for it, or use --out"
            ) from error
        self._lock.truncate(0)
        self._lock.write(f"process {os.getpid()}")
        self._lock.flush()

    def close(self) -> None:
        """Give the lock back."""
        self._lock.close()

    def __enter__(self) -> Results:
        """Itself; closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def note_environment(self, name: str, entry: dict[str, Any]) -> None:
        """Keep an environment, once, in environment.json."""
        if self.environments.get(name) != entry:
            self.environments[name] = entry
            text = json.dumps(self.environments, indent=1, sort_keys=True)
            write(self.folder / ENVIRONMENTS, text + "\n")

    def append(self, record: Record, samples: bytes = b"") -> Record:
        """Save the samples (float32), then the row that points at them; both are on disk after."""
        with _saving(self.folder / SAMPLES):
            offset = _append(self.folder / SAMPLES, samples) // 4 if samples else None
        record = replace(record, samples_offset=offset)
        with _saving(self.folder / CSV):
            path = self.folder / CSV
            fresh = not path.exists() or path.stat().st_size == 0
            _append(path, (_line(COLUMNS) if fresh else b"") + _line(_cells(record)))
        self.rows.append(record)
        return record


def write(path: Path, text: str) -> None:
    """Replace a file whole: a reader sees the old or the new one, never half."""
    with _saving(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
            file.write(text)
        os.replace(file.name, path)


def read(path: Path) -> list[Record]:
    """The rows of a records.csv in order; none where there is no file.

    Raises: ResultsError when its columns are not ours.
    """
    if not path.is_file() or path.stat().st_size == 0:
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        header = tuple(next(rows))
        if header != COLUMNS:
            odd = sorted(set(header) ^ set(COLUMNS))[:3]
            raise ResultsError(
                f"{path}:1: columns differ from schema {SCHEMA_VERSION} ({', '.join(odd)}); "
                "measure into another folder with --out, or plot it with the version that wrote it"
            )
        return [_record(path, number, cells) for number, cells in enumerate(rows, 2)]


def load(paths: Sequence[Path]) -> pd.DataFrame:
    """All rows below the given folders or files, the newest of each case, as a data frame.

    Columns: `record.COLUMNS`; empty cells are NaN.
    Raises: ResultsError where there is nothing to read.
    """
    import pandas as pd

    files = [file for path in paths for file in _csv_files(Path(path))]
    newest: dict[tuple[Any, ...], Record] = {}
    for file in files:
        for record in read(file):
            newest[(record.experiment, record.device, *record.case)] = record
    if not newest:
        raise ResultsError(f"{', '.join(map(str, paths))}: no rows in any records.csv")
    frame = pd.DataFrame([[getattr(r, c) for c in COLUMNS] for r in newest.values()])
    frame.columns = list(COLUMNS)
    numbers = [f.name for f in fields(Record) if _TYPES[f.name] in (int | None, float | None)]
    frame[numbers] = frame[numbers].astype(float)
    return frame


def _csv_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    found = sorted(path.rglob(CSV)) if path.is_dir() else []
    if not found:
        raise ResultsError(f"{path}: no {CSV} there or below; 'spmvbench run' makes one")
    return found


def _environments(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text()))
    except ValueError as error:
        raise ResultsError(
            f"{path}: not the JSON that a run writes ({error}); restore or delete it"
        ) from error


def _repair(path: Path) -> int:
    """Cut off a last line without its end, which a killed run left; gives the bytes dropped."""
    if not path.is_file():
        return 0
    with path.open("rb+") as file:
        text = file.read()
        end = text.rfind(b"\n") + 1
        if end < len(text):
            file.truncate(end)
    return len(text) - end


def _append(path: Path, data: bytes) -> int:
    """Append and wait for the disk; gives the size before."""
    with path.open("ab") as file:
        before = file.tell()
        file.write(data)
        file.flush()
        if path.is_file():
            os.fsync(file.fileno())
    return before


class _saving:
    """Turn an OSError into one line that names the file and what to do."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise ResultsError(
                f"{self._path}: cannot be written ({error.strerror}); free space or choose a "
                "writable folder with --out, then run the same command: what is saved stays"
            ) from error


def _line(cells: Iterable[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


def _cells(record: Record) -> list[str]:
    return [_cell(getattr(record, name)) for name in COLUMNS]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.7g}"
    return " ".join(str(value).splitlines())


def _record(path: Path, number: int, cells: list[str]) -> Record:
    try:
        values = {
            name: _parse(_TYPES[name], cell) for name, cell in zip(COLUMNS, cells, strict=True)
        }
    except ValueError as error:
        raise ResultsError(
            f"{path}:{number}: not a row that a run writes ({error}); restore or delete the line"
        ) from error
    return Record(**values)


def _parse(kind: Any, cell: str) -> Any:
    if kind is str:
        return cell
    if kind is bool:
        return cell == "True"
    if cell == "":
        return None
    parse: Callable[[str], Any] = int if kind in (int, int | None) else float
    return parse(cell)
