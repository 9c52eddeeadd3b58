"""Norms of activations, from a file: one vector per tensor, as long as the tensor has columns."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from spmvbench.dtypes import Array
from spmvbench.errors import CheckpointError
from spmvbench.problems import packed_files, safetensors_header
from spmvbench.problems.tensor import Entry

Read = Callable[[], Array]

_SUFFIXES = (".safetensors", ".npz")


def read_norms(file: Path, entries: Sequence[Entry]) -> Mapping[str, Array]:
    """The vectors of those tensors, as float32. Shapes: (cols,) each.

    Raises: CheckpointError for a vector that is missing, of another length, negative or not finite.
    """
    vectors = _vectors(file)
    return {entry.name: _norms(file, entry, vectors) for entry in entries}


def _norms(file: Path, entry: Entry, vectors: Mapping[str, Read]) -> Array:
    cols = entry.shape[1]
    if entry.name not in vectors:
        seen = ", ".join(list(vectors)[:3]) or "nothing"
        raise CheckpointError(
            f"{file}: has no norms of '{entry.name}', expected a vector of that name; it has {seen}"
        )
    norms = vectors[entry.name]()
    if norms.shape != (cols,):
        raise CheckpointError(
            f"{file}: '{entry.name}' has shape {list(norms.shape)}, expected [{cols}], one norm "
            "per column of the weight"
        )
    norms = norms.astype(np.float32)
    if not (np.isfinite(norms) & (norms >= 0)).all():
        raise CheckpointError(
            f"{file}: '{entry.name}' has a norm that is negative or not finite; measure them again"
        )
    return norms


def _vectors(file: Path) -> dict[str, Read]:
    """Name -> how to read it: all at once would not fit the promise of little memory."""
    if file.suffix not in _SUFFIXES or not file.is_file():
        seen = f"a '{file.suffix}'" if file.is_file() else "no such file"
        raise CheckpointError(f"{file}: {seen}, expected norms in {' or '.join(_SUFFIXES)}")
    try:
        if file.suffix == ".npz":
            with np.load(file, allow_pickle=False) as found:
                return {name: partial(_from_npz, file, name) for name in found.files}
        stored = safetensors_header.read(file).tensors
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{file}: cannot be read ({error}); write it again") from error
    usable = [s for s in stored if s.kind in safetensors_header.KINDS]
    return {s.name: partial(packed_files.array, s) for s in usable}


def _from_npz(file: Path, name: str) -> Array:
    with np.load(file, allow_pickle=False) as found:
        vector: Array = found[name]
    return vector
