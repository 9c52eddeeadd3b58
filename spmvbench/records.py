"""The results folder: rows are appended as they are made, and read again by everything after."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spmvbench.errors import ResultsError
from spmvbench.record import COLUMNS, Record
from spmvbench.table import TYPES, cells, line, read, upgraded

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

CSV = "records.csv"
SAMPLES = "samples.bin"
ENVIRONMENTS = "environment.json"
EXPERIMENT = "experiment.yaml"
LOGS = "logs"


class Results:
    """A results folder opened for measuring: locked, repaired, appended to.

    Raises: ResultsError where the folder cannot be written or another run holds it.
    """

    def __init__(self, folder: Path) -> None:
        """Make the folder if need be, lock it, and mend its table: a cut-off row, old columns."""
        self.folder = folder
        self.repaired = 0
        with _saving(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / ".lock").open("a+")
        try:
            self._take_lock()
            with _saving(folder / CSV):
                self.repaired = _repair(folder / CSV)
            with _saving(folder / SAMPLES):
                _whole_samples(folder / SAMPLES)
            self.rows = read(folder / CSV)
            if (text := upgraded(folder / CSV)) is not None:
                write(folder / CSV, text)
            self.environments: dict[str, Any] = environments(folder)
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

    def keep_log(self, record: Record, log: str) -> None:
        """Keep what a format or program has printed, the newest of each case, in logs/."""
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{record.format} {record.key} {record.cache}")
        short = hashlib.sha256(repr(record.case).encode()).hexdigest()[:8]
        write(self.folder / LOGS / f"{name[:80]}-{short}.log", log)

    def append(self, record: Record, samples: bytes = b"") -> Record:
        """Save the samples (float32), then the row that points at them; both are on disk after."""
        with _saving(self.folder / SAMPLES):
            offset = _append(self.folder / SAMPLES, samples) // 4 if samples else None
        record = replace(record, samples_offset=offset)
        with _saving(self.folder / CSV):
            path = self.folder / CSV
            fresh = not path.exists() or path.stat().st_size == 0
            _append(path, (line(COLUMNS) if fresh else b"") + line(cells(record)))
        self.rows.append(record)
        return record


def write(path: Path, text: str) -> None:
    """Replace a file whole: a reader sees the old or the new one, never half, whenever it stops."""
    with _saving(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.new")
        try:
            with draft.open("w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)


def load(paths: Sequence[Path]) -> pd.DataFrame:
    """All rows below the given folders or files, the newest of each case, as a data frame.

    Columns: `record.COLUMNS`; empty cells are NaN.
    Raises: ResultsError where there is nothing to read.
    """
    import pandas as pd

    files = [file for path in paths for file in csv_files(Path(path))]
    rows = newest(row for file in files for row in read(file))
    if not rows:
        raise ResultsError(f"{', '.join(map(str, paths))}: no rows in any records.csv")
    frame = pd.DataFrame({name: [getattr(row, name) for row in rows] for name in COLUMNS})
    numbers = [f.name for f in fields(Record) if TYPES[f.name] in (int | None, float | None)]
    frame[numbers] = frame[numbers].astype(float)
    return frame


def newest(rows: Iterable[Record]) -> list[Record]:
    """The rows that count: of each case the last, in the order in which the cases came first."""
    return list({(row.experiment, row.device, *row.case): row for row in rows}.values())


def csv_files(path: Path) -> list[Path]:
    """The records.csv files at or below a path, in order.

    Raises: ResultsError where there is none.
    """
    found = [path] if path.name == CSV and path.is_file() else sorted(path.rglob(CSV))
    if not found:
        raise ResultsError(f"{path}: no {CSV} there or below; 'spmvbench run' makes one")
    return found


def environments(folder: Path) -> dict[str, Any]:
    """What environment.json of a results folder holds, by the hash in the rows; {} without one.

    Raises: ResultsError for what is not JSON.
    """
    path = folder / ENVIRONMENTS
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text()))
    except ValueError as error:
        raise ResultsError(
            f"{path}: not the JSON that a run writes ({error}); restore or delete it"
        ) from error


def samples(folder: Path, offset: int, count: int) -> npt.NDArray[np.float64]:
    """The raw samples of a row, microseconds in time order, from where the row says they are.

    Raises: ResultsError where samples.bin does not have them.
    """
    import numpy as np

    path = folder / SAMPLES
    found = b""
    if path.is_file():
        with path.open("rb") as file:
            file.seek(4 * offset)
            found = file.read(4 * count)
    if len(found) != 4 * count:
        raise ResultsError(
            f"{path}: has no samples {offset} to {offset + count}, of which a row was made; "
            "restore the file that was written with records.csv"
        )
    return np.frombuffer(found, "<f4").astype(np.float64)


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


def _whole_samples(path: Path) -> None:
    """Cut off part of a float32, which a killed run left: all after it would be read shifted."""
    if path.is_file():
        size = path.stat().st_size
        os.truncate(path, size - size % 4)


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
