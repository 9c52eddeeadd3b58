"""Matrices from files: what a file holds, by its header, and one of them as a dense array."""

from __future__ import annotations

import difflib
import re
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from types import ModuleType

from spmvbench.dtypes import DTYPES, Array
from spmvbench.errors import SourceError
from spmvbench.problems.locate import locate
from spmvbench.problems.tensor import Entry, Tensor

# Modules with `entries(path)` and `load(entry, dtype)`, imported when such a file is met: SciPy
# takes longer to import than most matrices to read.
_READERS = {
    ".safetensors": "safetensors_files",
    ".index.json": "safetensors_files",
    ".npy": "npy_files",
    ".npz": "sparse_files",
    ".mtx": "sparse_files",
    ".mtx.gz": "sparse_files",
}
_SHOWN = 3


def tensors(path: str, glob: str = "*") -> list[Tensor]:
    """The matrices of a source whose names match, in natural order; reads headers only.

    What matches and is no matrix of real numbers (a bias, token ids) is left out.
    Raises: SourceError when the source cannot be read, or nothing is left.
    """
    file = locate(path)
    entries = _entries(file)
    matching = [entry for entry in entries if fnmatchcase(entry.name, glob)]
    if not matching:
        raise _no_tensor(path, glob, entries)
    usable = [entry for entry in matching if not entry.unusable]
    if not usable:
        first = matching[0]
        others = f"; nor is any other of {len(matching)}" if len(matching) > 1 else ""
        raise SourceError(f"{path}: tensor '{first.name}': {first.unusable}{others}; choose others")
    return sorted((entry.tensor for entry in usable), key=lambda t: _natural(t.name))


def load(path: str, tensor: str, dtype: str) -> Array:
    """One matrix of a source, dense, rounded to `dtype`. Shape: (rows, cols).

    An empty `tensor` means the only one of a file. Non-zeros may round to zero; NaN and infinity
    stay what they are.
    Raises: SourceError, also for a finite value beyond `dtype`.
    """
    file = locate(path)
    entries = _entries(file)
    chosen = [entry for entry in entries if entry.name == tensor]
    if not tensor and len(entries) == 1:
        chosen = entries
    if not chosen:
        raise _no_tensor(path, tensor, entries)
    if dtype not in DTYPES:
        raise SourceError(f"{path}: unknown dtype '{dtype}', expected one of {', '.join(DTYPES)}")
    entry = chosen[0]
    if entry.unusable:
        raise SourceError(f"{path}: tensor '{entry.name}': {entry.unusable}; choose another")
    dense: Array = _reader(file).load(entry, dtype)
    return dense


def _entries(file: Path) -> list[Entry]:
    try:
        found: list[Entry] = _reader(file).entries(file)
    except OSError as error:
        raise SourceError(f"{file}: {error.strerror or error}; expected a readable file") from error
    return found


def _reader(file: Path) -> ModuleType:
    if file.is_dir():
        return import_module(f"{__package__}.safetensors_files")
    for suffix, module in _READERS.items():
        if file.name.endswith(suffix):
            return import_module(f"{__package__}.{module}")
    raise SourceError(
        f"{file}: unknown kind of file '{file.suffix}', expected one of {', '.join(_READERS)} or "
        "a folder of .safetensors"
    )


def _no_tensor(path: str, wanted: str, entries: list[Entry]) -> SourceError:
    names = sorted((entry.name for entry in entries), key=_natural)
    near = difflib.get_close_matches(wanted, names, n=_SHOWN, cutoff=0.3) or names[:_SHOWN]
    nearest = ", ".join(near) or "none"
    return SourceError(
        f"{path}: no tensor matches '{wanted}' among {len(names)}; nearest: {nearest}"
    )


def _natural(name: str) -> list[tuple[int, str]]:
    """A sort key under which layer 2 comes before layer 10."""
    return [
        (int(part or 0), "") if i % 2 else (0, part)
        for i, part in enumerate(re.split(r"(\d+)", name))
    ]
