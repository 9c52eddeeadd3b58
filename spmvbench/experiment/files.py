"""Experiment files: by path, or by name among those that come with spmvbench."""

from __future__ import annotations

from pathlib import Path

from spmvbench.errors import ExperimentError, did_you_mean
from spmvbench.paths import data_dir
from spmvbench.suites import suite

_SUFFIXES = (".yaml", ".yml")


def shipped() -> list[str]:
    """The names of the experiments that come with spmvbench."""
    return sorted(path.stem for path in data_dir("experiments").glob("*.yaml"))


SUITE = "suite:"

_OURS = "[macko, bitmap, csr16, dense-f16, dense-int8, dense-int4]"


def find_and_read(name: str) -> tuple[Path, bytes]:
    """The file of an experiment and its bytes; `suite:NAME` is a suite with all our formats.

    Raises: ExperimentError.
    """
    if not name.startswith(SUITE):
        path = find(name)
        return path, read(path)
    found = suite(name.removeprefix(SUITE))
    lines = [f"name: {found.name}", f"description: {found.description}"]
    lines += [f"suite: {found.pinned}", f"formats: {_OURS}"]
    return Path(name), "\n".join(lines).encode()


def find(name: str) -> Path:
    """The file of a path or shipped name, shown relative to the working directory where inside.

    Raises: ExperimentError for what is no file, with the shipped names.
    """
    path = Path(name)
    if path.is_file():
        return path
    if path.name == name and path.name.removesuffix(".yaml") in shipped():
        return shown(data_dir("experiments") / f"{path.name.removesuffix('.yaml')}.yaml")
    if path.is_dir():
        inside = sorted(found.name for found in path.iterdir() if found.suffix in _SUFFIXES)
        example = f", such as {path / inside[0]}" if inside else ""
        raise ExperimentError(f"{name}: is a folder; expected a YAML file{example}")
    near = did_you_mean(path.stem, shipped())
    wrong = "is no file" if path.exists() else "there is no such file"
    known = f"{near} Shipped" if near else "; shipped"
    raise ExperimentError(f"{name}: {wrong}{known}: {', '.join(shipped())}")


def read(path: Path) -> bytes:
    """The bytes of the file. Raises: ExperimentError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ExperimentError(f"{path}: cannot be read: {error.strerror}") from error


def beside(name: str, folder: Path) -> str | None:
    """A file named in an experiment of that folder: looked for in the working directory first.

    None where it is in neither.
    """
    for path in (Path(name), folder / name):
        if path.exists():
            return str(shown(path))
    return None


def shown(path: Path) -> Path:
    """Relative where inside the working directory: keys then agree between machines."""
    absolute = path.absolute()
    here = Path.cwd()
    return absolute.relative_to(here) if absolute.is_relative_to(here) else path
