"""The tree that a merge writes, and how it knows that tree for its own."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spmvbench import dates
from spmvbench.errors import ResultsError
from spmvbench.record import COLUMNS, Record
from spmvbench.records import CSV, ENVIRONMENTS, EXPERIMENT, SAMPLES
from spmvbench.share.folders import Folder
from spmvbench.share.saving import saving
from spmvbench.table import cells, line

MARK = "merge.json"
"""At the top of the tree: the SHA-256 of every file that the merge wrote."""


class Target:
    """The folder of a merge: built beside it, moved into it file by file at the end of the block.

    Raises: ResultsError for a folder with files that no merge wrote, or that changed since.
    """

    def __init__(self, out: Path) -> None:
        """Refuses at once what must not be overwritten."""
        self._out = out
        self._before = _own_files(out)
        self._draft: Path | None = None

    def __enter__(self) -> Target:
        """Itself, ready to save into."""
        with saving(self._out, "--out"):
            self._out.parent.mkdir(parents=True, exist_ok=True)
            self._draft = Path(tempfile.mkdtemp(prefix=".merge-", dir=self._out.parent))
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Move the files in, unless the block was left by an error."""
        draft = self._folder
        try:
            if kind is None:
                with saving(self._out, "--out"):
                    self._move(draft)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    @property
    def _folder(self) -> Path:
        if self._draft is None:
            raise RuntimeError("a Target is saved into within its block")
        return self._draft

    def save(self, name: str, rows: Sequence[tuple[Record, Folder]], latest: Folder) -> None:
        """Write one results folder: rows with where each is from; the experiment of `latest`."""
        folder = self._folder / name
        with saving(self._out, "--out"):
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / CSV).open("wb") as table, (folder / SAMPLES).open("wb") as samples:
                table.write(line(COLUMNS))
                for row, own in _with_samples(rows):
                    at = samples.tell() // 4 if own else None
                    samples.write(own)
                    table.write(line(cells(replace(row, samples_offset=at))))
            if (latest.path / EXPERIMENT).is_file():
                shutil.copyfile(latest.path / EXPERIMENT, folder / EXPERIMENT)
        text = json.dumps(_environments(rows), indent=1, sort_keys=True)
        (folder / ENVIRONMENTS).write_text(text + "\n", encoding="utf-8")
        if spans := _dates(rows):
            dates.save(folder, spans)

    def _move(self, draft: Path) -> None:
        made = sorted(path for path in draft.rglob("*") if path.is_file())
        files = {path.relative_to(draft).as_posix(): _sha256(path) for path in made}
        for name in files:
            (self._out / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(draft / name, self._out / name)
        for name in self._before.keys() - files.keys():
            (self._out / name).unlink(missing_ok=True)
        text = json.dumps({"files": files}, indent=1)
        (self._out / MARK).write_text(text + "\n", encoding="utf-8")


def _own_files(out: Path) -> dict[str, str]:
    """What an earlier merge wrote there, unchanged since. Raises: ResultsError otherwise."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return {}
    try:
        files: dict[str, str] = json.loads((out / MARK).read_text(encoding="utf-8"))["files"]
        changed = [n for n, digest in files.items() if _sha256(out / n) != digest]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise ResultsError(
            f"--out {out}: is not empty, and no merge wrote it; choose a new folder"
        ) from None
    if changed:
        raise ResultsError(f"--out {out}: {changed[0]} changed since merging; choose a new folder")
    return files


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _with_samples(rows: Sequence[tuple[Record, Folder]]) -> list[tuple[Record, bytes]]:
    """Each row with the bytes of its samples. Raises: ResultsError where they are not there."""
    every: dict[Path, Any] = {}
    found = []
    for row, folder in rows:
        path = folder.path / SAMPLES
        if path not in every:
            every[path] = np.fromfile(path, "<f4") if path.is_file() else np.empty(0, "<f4")
        if row.samples is None or row.samples_offset is None:
            found.append((row, b""))
            continue
        own = every[path][row.samples_offset : row.samples_offset + row.samples]
        if len(own) != row.samples:
            raise ResultsError(
                f"{folder.name}: {SAMPLES} does not have the samples of {row.format} on {row.key}; "
                "'spmvbench verify' says more"
            )
        found.append((row, own.tobytes()))
    return found


def _environments(rows: Sequence[tuple[Record, Folder]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for row, folder in rows:
        entry = folder.environments.get(row.environment)
        if entry is not None and found.setdefault(row.environment, entry) != entry:
            raise ResultsError(
                f"{folder.name}: {ENVIRONMENTS} has another {row.environment} than the others; "
                "'spmvbench verify' says which was changed"
            )
    return found


def _dates(rows: Sequence[tuple[Record, Folder]]) -> dict[str, dates.Span]:
    places = {(row.environment, folder.path): folder for row, folder in rows}
    spans: dict[str, list[dates.Span]] = {}
    for (name, _), folder in places.items():
        if name in folder.dates:
            spans.setdefault(name, []).append(folder.dates[name])
    joined = {name: dates.joined(found) for name, found in spans.items()}
    return {name: span for name, span in joined.items() if span}
