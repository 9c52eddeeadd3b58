"""Results in one file: a zip whose bytes depend on nothing but the results."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

from spmvbench.errors import ResultsError
from spmvbench.share import manifest
from spmvbench.share.folders import Folder, folders
from spmvbench.share.saving import saving
from spmvbench.share.source import MANIFEST, MOST_BYTES, MOST_FILES, safe
from spmvbench.share.verify import complaints

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest date a zip can hold: the real one would make every bundle another file."""

REGULAR = 0o100644 << 16


def bundle(top: Path, target: Path | None) -> Path:
    """Write the results at or below a folder into a zip; by default `experiment-device.zip` here.

    Stored, not compressed: what zlib makes of the same bytes differs between its versions.
    Raises: ResultsError for results that do not hold together, or a file that is there already.
    """
    found = folders(top)
    listed = manifest.entries(found)
    _check(top, found, listed)
    plain = manifest.manifest(found, listed)
    path = target or Path(f"{_name(plain['facts'])}.zip")
    if path.exists():
        raise ResultsError(f"{path}: is there already; delete it, or name another file with --out")
    with saving(path, "--out"):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.new")
        try:
            _write(draft, top, plain)
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    return path


def _write(path: Path, top: Path, plain: dict[str, Any]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        file.writestr(_entry(MANIFEST), manifest.to_text(plain))
        for entry in plain["files"]:
            file.writestr(_entry(entry["name"]), (top / entry["name"]).read_bytes())


def _check(top: Path, found: list[Folder], listed: list[manifest.Entry]) -> None:
    """Refuse what `verify` would complain about, or could not unpack. Raises: ResultsError."""
    wrong = complaints(top, found)
    if wrong:
        raise ResultsError(f"{top}: {wrong[0]}; 'spmvbench verify {top}' tells all")
    for entry in listed:
        if not safe(entry.name):
            raise ResultsError(
                f"{top}: {entry.name!r} cannot be a name in a zip; rename its folder"
            )
    total = sum(entry.bytes for entry in listed)
    if total > MOST_BYTES or len(listed) >= MOST_FILES:
        raise ResultsError(
            f"{top}: {total:,} bytes in {len(listed):,} files; expected at most {MOST_BYTES:,} in "
            f"{MOST_FILES:,}: bundle its folders one by one"
        )


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.create_system = 3
    entry.external_attr = REGULAR
    return entry


def _name(facts: dict[str, list[str]]) -> str:
    """Of experiments and devices; of many, how many."""
    words = [
        facts[key][0] if len(facts[key]) == 1 else f"{len(facts[key])}-{key}"
        for key in ("experiments", "slugs")
    ]
    return "-".join(words)
