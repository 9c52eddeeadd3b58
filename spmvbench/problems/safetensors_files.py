"""`.safetensors` sources: one file, or a model in shards; tensors are mapped, never read whole.

A model in shards has an index, JSON with `weight_map`: tensor name -> file beside the index.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from spmvbench.dtypes import DTYPES, Array
from spmvbench.errors import SourceError
from spmvbench.problems import packed_files, safetensors_header
from spmvbench.problems.safetensors_header import Header
from spmvbench.problems.tensor import Entry, Stored, rounded

INDEX = "model.safetensors.index.json"


def entries(path: Path) -> list[Entry]:
    """The tensors of a file, of an index's shards, or of a folder with an index or with one file.

    What is packed counts as the one matrix that it is. Raises: SourceError.
    """
    home = home_of(path)
    return listed(home, headers(home))


def home_of(path: Path) -> Path:
    """The index or the single file that a path stands for. Raises: SourceError."""
    return _in_folder(path) if path.is_dir() else path


def headers(home: Path) -> dict[Path, Header]:
    """The header of the file, or of every shard of an index, by file. Raises: SourceError."""
    if not _is_index(home):
        return {home: safetensors_header.read(home)}
    found = {}
    for name in sorted(set(_weight_map(home).values())):
        shard = home.parent / name
        if not shard.is_file():
            raise SourceError(f"{home}: shard {name} is missing, expected beside it; get it too")
        found[shard] = safetensors_header.read(shard)
    return found


def listed(home: Path, shards: dict[Path, Header]) -> list[Entry]:
    """The tensors of those headers, in the order of the index. Raises: SourceError."""
    tensors = _by_index(home, shards) if _is_index(home) else shards[home].tensors
    return packed_files.folded(tensors, {file: h.metadata for file, h in shards.items()})


def load(entry: Entry, dtype: str) -> Array:
    """The matrix, rounded to `dtype`. Shape: entry.shape."""
    return rounded(native(entry), dtype, entry)


def native(entry: Entry) -> Array:
    """The tensor in the type it is stored in; mapped, where it is not packed. Raises: SourceError.

    Shape: entry.shape.
    """
    if entry.packing:
        return packed_files.unpacked(entry)
    if 0 in entry.shape:  # nothing to map
        return np.zeros(entry.shape, DTYPES[entry.dtype])
    return np.memmap(entry.file, DTYPES[entry.dtype], "r", entry.offset, entry.shape)


def _is_index(home: Path) -> bool:
    return home.name.endswith(".json")


def _in_folder(folder: Path) -> Path:
    if (folder / INDEX).is_file():
        return folder / INDEX
    found = sorted(folder.glob("*.safetensors.index.json")) or sorted(folder.glob("*.safetensors"))
    if len(found) == 1:
        return found[0]
    raise SourceError(
        f"{folder}: found {len(found)} files to choose from, expected {INDEX} or one .safetensors "
        "file; name the file itself"
    )


def _by_index(index: Path, shards: dict[Path, Header]) -> Iterable[Stored]:
    tensors = {file.name: {t.name: t for t in h.tensors} for file, h in shards.items()}
    for name, file in _weight_map(index).items():
        if name not in tensors[file]:
            raise SourceError(
                f"{index}: tensor '{name}' is not in {file}, expected there by the index; "
                "get index and shards of one model"
            )
        yield tensors[file][name]


def _weight_map(index: Path) -> dict[str, str]:
    try:
        homes = json.loads(index.read_bytes())["weight_map"]
        files_beside = all(Path(file).name == file != "" for file in homes.values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SourceError(
            f"{index}: {error!r}; expected JSON with 'weight_map', tensor to file; get it again"
        ) from error
    if not files_beside:
        raise SourceError(f"{index}: 'weight_map' leads elsewhere, expected files beside the index")
    return dict(homes)
