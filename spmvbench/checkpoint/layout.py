"""How a packed matrix stands in a `.safetensors` file: docs/checkpoints.md, written and checked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spmvbench.checkpoint.shard import ShardWriter
from spmvbench.checkpoint.sizes import Converted
from spmvbench.dtypes import DTYPES, Array, itemsize
from spmvbench.errors import CheckpointError
from spmvbench.formats import resolve
from spmvbench.formats.auto import CHOICES
from spmvbench.formats.base import Packed
from spmvbench.problems.packed_files import PACKED_KEY, VERSION, VERSION_KEY
from spmvbench.problems.safetensors_files import native
from spmvbench.problems.tensor import Entry

_DENSE = ("dense", "dense-f16")
_LARGEST = 2**63


def without_packed(metadata: Mapping[str, str]) -> dict[str, str]:
    """The metadata of a shard, less what says which tensors are packed."""
    return {key: v for key, v in metadata.items() if key not in (VERSION_KEY, PACKED_KEY)}


def with_packed(metadata: Mapping[str, str], packed: Mapping[str, Any]) -> dict[str, str]:
    """The metadata of a shard whose packed tensors are described like that."""
    if not packed:
        return dict(metadata)
    text = json.dumps(packed, separators=(",", ":"))
    return {**metadata, VERSION_KEY: VERSION, PACKED_KEY: text}


@dataclass(frozen=True)
class Packer:
    """Packs the chosen matrices in a format, and writes packed ones that are not chosen densely."""

    format: str
    chosen: set[str]

    def add(self, entry: Entry, shard: ShardWriter) -> tuple[Converted, dict[str, Any]]:
        """Append a matrix to a shard; what became of it, and its words in the metadata, if any.

        Raises: SourceError, CheckpointError.
        """
        dense = np.asarray(native(entry))
        packed = self._packed(entry, dense)
        name = packed.layout or self.format if packed else "dense"
        if packed is None or name in _DENSE:
            shard.add(entry.name, dense)
            return _fact(entry, dense, "dense", dense.nbytes, 0), {}
        changed = _changed(resolve(name).unpack(packed), dense, entry)
        for array, values in packed.arrays.items():
            shard.add(f"{entry.name}.{array}", values)
        listed = _listed(name, entry.shape, entry.dtype, list(packed.arrays))
        return _fact(entry, dense, name, packed.nbytes, changed), {entry.name: listed}

    def room(
        self, entries: Sequence[Entry], metadata: Mapping[str, str]
    ) -> tuple[list[tuple[str, int]], dict[str, str]]:
        """The names of all tensors that entries may become, and the longest metadata."""
        names, packed = [(e.name, len(e.shape)) for e in entries], {}
        for entry in entries:
            candidates = self._candidates(entry)
            if not candidates:
                continue
            arrays = {f"{entry.name}.{a}": n for one in candidates for a, n in one.items()}
            names += arrays.items()
            longest = max(candidates, key=lambda one: len(json.dumps(list(one))))
            packed[entry.name] = _listed(
                max(CHOICES, key=len), (_LARGEST, _LARGEST), entry.dtype, list(longest)
            )
        taken = {e.name for e in entries}
        for name, _ in names[len(entries) :]:
            if name in taken:
                raise CheckpointError(
                    f"tensor '{name}': stands where an array of a packed matrix would; leave that "
                    "matrix out with --exclude"
                )
        return names, with_packed(metadata, packed)

    def _packed(self, entry: Entry, dense: Array) -> Packed | None:
        if self.format == "dense" or entry.name not in self.chosen:
            return None
        try:
            return resolve(self.format).pack(dense)
        except ValueError as error:  # more columns than its indices can count
            raise CheckpointError(
                f"{entry.file}: tensor '{entry.name}': {error}; leave it out with --exclude"
            ) from error

    def _candidates(self, entry: Entry) -> list[dict[str, int]]:
        """Per format that the matrix may get: its arrays and their dimensions."""
        if self.format == "dense" or entry.name not in self.chosen:
            return []
        formats = [*CHOICES.values()] if self.format == "auto" else [resolve(self.format)]
        tiny = np.zeros((1, 1), DTYPES[entry.dtype])
        return [
            {name: a.ndim for name, a in fmt.pack(tiny).arrays.items()}
            for fmt in formats
            if fmt.name not in _DENSE
        ]


def _listed(
    name: str, shape: tuple[int, ...], dtype: str, arrays: Sequence[str]
) -> dict[str, object]:
    return {"format": name, "shape": list(shape), "dtype": dtype, "arrays": list(arrays)}


def _changed(unpacked: Array, dense: Array, entry: Entry) -> int:
    """How many -0.0 became 0.0; that is all that may change. Raises: CheckpointError."""
    unsigned = np.dtype(f"u{dense.itemsize}")
    before, after = dense.view(unsigned), unpacked.view(unsigned)
    other = before != after
    if not other.any():
        return 0
    minus = unsigned.type(1 << (8 * dense.itemsize - 1))
    if (before[other] != minus).any() or after[other].any():
        raise CheckpointError(
            f"{entry.file}: tensor '{entry.name}' does not unpack to itself; report this"
        )
    return int(np.count_nonzero(other))


def _fact(entry: Entry, dense: Array, name: str, packed_bytes: int, changed: int) -> Converted:
    from spmvbench.problems import count_nonzero

    rows, cols = entry.shape
    nnz = count_nonzero(dense)
    dense_bytes = rows * cols * itemsize(entry.dtype)
    return Converted(
        entry.name, rows, cols, entry.dtype, name, nnz, dense_bytes, packed_bytes, changed
    )
