"""A manifest: every file of some results with its SHA-256, and one hash for all of them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spmvbench.errors import ResultsError
from spmvbench.share.folders import Folder, facts
from spmvbench.share.source import FILES, MANIFEST

FORMAT = 1
"""Version of the manifest; its keys and what they mean change with it only."""


@dataclass(frozen=True)
class Entry:
    """A file by its path below the top."""

    name: str
    bytes: int
    sha256: str


def entries(found: list[Folder]) -> list[Entry]:
    """The files of results folders, sorted by name."""
    listed = []
    for folder in found:
        for name in FILES:
            path = folder.path / name
            if path.is_file():
                where = name if folder.name == "." else f"{folder.name}/{name}"
                listed.append(_entry(where, path))
    return sorted(listed, key=lambda entry: entry.name)


def _entry(name: str, path: Path) -> Entry:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return Entry(name, path.stat().st_size, digest.hexdigest())


def content_hash(listed: list[Entry]) -> str:
    """One SHA-256 for all: that of what `sha256sum` prints for them, sorted by name."""
    lines = "".join(f"{entry.sha256}  {entry.name}\n" for entry in listed)
    return hashlib.sha256(lines.encode()).hexdigest()


def manifest(found: list[Folder], listed: list[Entry]) -> dict[str, Any]:
    """The manifest as plain values. Raises: ResultsError for a file that cannot be read."""
    return {
        "manifest": FORMAT,
        "hash": content_hash(listed),
        "facts": asdict(facts(found)),
        "files": [asdict(entry) for entry in listed],
    }


def to_text(plain: dict[str, Any]) -> str:
    """As it is written: the same values are the same bytes."""
    return json.dumps(plain, indent=1, ensure_ascii=False) + "\n"


def complaints(top: Path, found: list[Folder]) -> list[str]:
    """What the manifest of an unpacked bundle says otherwise than its files do."""
    path = top / MANIFEST
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        listed = {entry["name"]: Entry(**entry) for entry in said["files"]}
        version = said["manifest"]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ResultsError(f"{path}: no manifest of a bundle ({error or 'broken'})") from error
    if version != FORMAT:
        return [
            f"{MANIFEST}: has version {version}, expected {FORMAT}: verify it with the newer one"
        ]
    own = entries(found)
    there = {entry.name: entry for entry in own}
    wrong = [f"{name}: is missing, the manifest has it" for name in listed if name not in there]
    for name, entry in there.items():
        if name not in listed:
            wrong.append(f"{name}: is not in the manifest")
        elif entry != listed[name]:
            wrong.append(f"{name}: was changed after bundling; its SHA-256 is not the manifest's")
    if not wrong and to_text(said) != to_text(json.loads(to_text(manifest(found, own)))):
        wrong.append(f"{MANIFEST}: hash or facts are not those of the files")
    return wrong
