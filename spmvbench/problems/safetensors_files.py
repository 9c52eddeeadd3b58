"""`.safetensors` sources: one file, or a model in shards; tensors are mapped, never read whole.

A model in shards has an index, JSON with `weight_map`: tensor name -> file beside the index.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from spmvbench.dtypes import DTYPES, Array
from spmvbench.errors import SourceError
from spmvbench.problems import safetensors_header
from spmvbench.problems.tensor import Entry, rounded

INDEX = "model.safetensors.index.json"


def entries(path: Path) -> list[Entry]:
    """The tensors of a file, of an index's shards, or of a folder with an index or with one file.

    Raises: SourceError.
    """
    if path.is_dir():
        path = _in_folder(path)
    return _sharded(path) if path.name.endswith(".json") else safetensors_header.entries(path)


def load(entry: Entry, dtype: str) -> Array:
    """The matrix, rounded to `dtype`. Shape: entry.shape."""
    if 0 in entry.shape:  # nothing to map
        return np.zeros(entry.shape, DTYPES[dtype])
    stored = DTYPES[entry.dtype]
    return rounded(np.memmap(entry.file, stored, "r", entry.offset, entry.shape), dtype, entry)


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


def _sharded(index: Path) -> list[Entry]:
    homes = _weight_map(index)
    shards: dict[str, dict[str, Entry]] = {}
    for file in sorted(set(homes.values())):
        shard = index.parent / file
        if not shard.is_file():
            raise SourceError(f"{index}: shard {file} is missing, expected beside it; get it too")
        shards[file] = {entry.name: entry for entry in safetensors_header.entries(shard)}
    for name, file in homes.items():
        if name not in shards[file]:
            raise SourceError(
                f"{index}: tensor '{name}' is not in {file}, expected there by the index; "
                "get index and shards of one model"
            )
    return [shards[file][name] for name, file in homes.items()]


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
