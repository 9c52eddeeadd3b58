"""Where results are read from: a folder, its records.csv, or a bundle; nothing else is opened."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from spmvbench.dates import DATES
from spmvbench.errors import ResultsError
from spmvbench.records import CSV, ENVIRONMENTS, EXPERIMENT, SAMPLES

FILES = (CSV, SAMPLES, ENVIRONMENTS, EXPERIMENT, DATES)
"""What makes up a results folder; figures are drawn again from it."""

MANIFEST = "manifest.json"

MOST_BYTES = 4 * 2**30
"""The largest bundle, unpacked. A GPU's run of 31 shapes has a hundredth of it."""

MOST_FILES = 10_000


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """The folder of results at a path; a bundle is unpacked for as long as the block lasts.

    Raises: ResultsError for what is not there, is no bundle, or would unpack to what no bundle
    holds; what is raised in the block names the bundle instead of the temporary folder.
    """
    if path.is_dir():
        yield path
    elif not path.is_file():
        raise ResultsError(
            f"{path}: there is no such file or folder; expected a results folder, its {CSV}, "
            "or a bundle; 'spmvbench run' makes a folder"
        )
    elif not is_bundle(path):
        yield path.parent
    else:
        with tempfile.TemporaryDirectory(prefix="spmvbench-") as name:
            try:
                _unpack(path, Path(name))
                yield Path(name)
            except ResultsError as error:
                raise ResultsError(str(error).replace(name, str(path))) from error


def is_bundle(path: Path) -> bool:
    """Whether a path is opened as a bundle: any file but a table of results."""
    return path.is_file() and path.name != CSV


def beside(path: Path, name: str) -> Path:
    """Where what is made of results at a path goes: into their folder, or beside their bundle."""
    if is_bundle(path):
        return path.with_name(f"{path.stem}-{name}")
    return (path.parent if path.is_file() else path) / name


def _unpack(path: Path, folder: Path) -> None:
    broken = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError)
    try:
        with zipfile.ZipFile(path) as file:
            entries = [entry for entry in file.infolist() if not entry.is_dir()]
            _check(path, entries)
            for entry in entries:
                target = folder / entry.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                with file.open(entry) as source, target.open("wb") as copy:
                    shutil.copyfileobj(source, copy, 2**20)
    except broken as error:
        raise ResultsError(
            f"{path}: not a bundle, or a broken one ({error or type(error).__name__}); get it again"
        ) from error
    except OSError as error:
        raise ResultsError(f"{path}: cannot be unpacked ({error.strerror or error})") from error


def _check(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    """Refuse names that lead elsewhere, and more than a bundle holds. Raises: ResultsError.

    The sizes are those of the zip's directory; more than that is never unpacked.
    """
    names = [entry.filename for entry in entries]
    odd = [name for name in names if not safe(name)]
    if odd:
        raise ResultsError(f"{path}: holds {odd[0]!r}, which no bundle does; not unpacked")
    twice = (
        {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else ()
    )
    if twice:
        raise ResultsError(f"{path}: holds {min(twice)} twice, which no bundle does; not unpacked")
    total = sum(entry.file_size for entry in entries)
    if total > MOST_BYTES or len(entries) > MOST_FILES:
        raise ResultsError(
            f"{path}: would unpack to {total:,} bytes in {len(entries):,} files; "
            f"expected at most {MOST_BYTES:,} in {MOST_FILES:,}"
        )


def safe(name: str) -> bool:
    """Whether a name in a zip is a file of a results folder, somewhere below the top."""
    where = PurePosixPath(name)
    folders = where.parts[:-1]
    inside = not where.is_absolute() and ".." not in folders and str(where) == name
    plain = not any(mark in name for mark in "\\:\0")
    return inside and plain and (where.name in FILES or name == MANIFEST)
