"""Packed matrices in `.safetensors` files: several tensors that are one matrix.

Ours: the arrays of a format as `NAME.ARRAY`, which the file's metadata lists (docs/checkpoints.md).
And `sparse-bitmask` of compressed-tensors: `PREFIX.compressed` (values), `PREFIX.bitmask` (a bit
per element, little-endian, rows in whole bytes), `PREFIX.row_offsets` and `PREFIX.shape`.
Source: https://github.com/neuralmagic/compressed-tensors, sparse_bitmask.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spmvbench.dtypes import DTYPES, Array
from spmvbench.errors import SourceError, UnknownFormat
from spmvbench.formats import check_name, resolve
from spmvbench.formats.base import Packed
from spmvbench.problems import safetensors_header
from spmvbench.problems.chunks import in_threads
from spmvbench.problems.safetensors_header import KINDS
from spmvbench.problems.tensor import Entry, Stored

VERSION = "1"
"""Of the layout in docs/checkpoints.md: raised when a reader of the old one would go wrong."""

VERSION_KEY, PACKED_KEY = "spmvbench.layout_version", "spmvbench.packed"

BITMASK = "sparse-bitmask"
_BITMASK_PARTS = ("compressed", "bitmask", "row_offsets", "shape")

Metadata = Mapping[str, str]


def folded(tensors: Iterable[Stored], metadata: Mapping[Path, Metadata]) -> list[Entry]:
    """An entry for each tensor, one for all arrays of a packed matrix. `metadata`: of each file.

    Raises: SourceError where arrays of a packed matrix are missing.
    """
    by_name = {t.name: t for t in tensors}
    packed = [e for file, words in metadata.items() for e in _ours(file, words, by_name)]
    packed += _bitmasks(by_name)
    owners = {part.name: entry for entry in packed for part in entry.parts.values()}
    found: dict[str, Entry] = {}
    for name, stored in by_name.items():
        entry = owners.get(name) or safetensors_header.entry(stored)
        if found.setdefault(entry.name, entry) is not entry:
            raise SourceError(
                f"{entry.file}: tensor '{entry.name}' is there both packed and as it is; "
                "get one of them"
            )
    return list(found.values())


def packed(entry: Entry) -> Packed:
    """The arrays of a matrix that we packed, mapped. Raises: SourceError."""
    arrays = {name: array(part) for name, part in entry.parts.items()}
    fmt = resolve(entry.packing)
    sample = fmt.pack(np.zeros((1, 1), DTYPES[entry.dtype])).arrays
    for name, like in sample.items():
        found = arrays.get(name)
        if found is None or found.ndim != like.ndim or not _alike(found.dtype, like.dtype):
            seen = "missing" if found is None else f"{found.dtype} of {found.ndim} dimensions"
            raise SourceError(
                f"{entry.file}: tensor '{entry.name}': its array {name} is {seen}, expected "
                f"{like.dtype} of {like.ndim} for {entry.packing}; convert the checkpoint again"
            )
    rows, cols = entry.shape
    return Packed((rows, cols), entry.dtype, {name: arrays[name] for name in sample})


def unpacked(entry: Entry) -> Array:
    """The matrix of a packed entry, in its own type. Shape: entry.shape. Raises: SourceError."""
    try:
        if entry.packing == BITMASK:
            return _unmasked(entry)
        return resolve(entry.packing).unpack(packed(entry))
    except (ValueError, UnknownFormat, MemoryError) as error:
        raise SourceError(f"{entry.file}: tensor '{entry.name}': {error}") from error


def array(stored: Stored) -> Array:
    """A tensor as it is in the file, mapped; a copy where no aligned view is possible."""
    kind = KINDS[stored.kind]
    if 0 in stored.shape:
        return np.zeros(stored.shape, kind)
    mapped = np.memmap(stored.file, kind, "r", stored.begin, stored.shape)
    return np.asarray(mapped) if mapped.flags.aligned else mapped.copy()


def _alike(found: np.dtype[Any], expected: np.dtype[Any]) -> bool:
    """Row pointers are int64 where there are more entries than int32 counts."""
    return found == expected or (expected == np.int32 and found == np.int64)


def _ours(file: Path, words: Metadata, by_name: Mapping[str, Stored]) -> Iterator[Entry]:
    if PACKED_KEY not in words:
        return
    if words.get(VERSION_KEY) != VERSION:
        raise SourceError(
            f"{file}: packed in layout version {words.get(VERSION_KEY)!r}, expected '{VERSION}'; "
            "read it with the spmvbench that wrote it"
        )
    try:
        listed = json.loads(words[PACKED_KEY]).items()
        plain = [
            (str(name), str(w["format"]), str(w["dtype"]), *map(int, w["shape"]), w["arrays"])
            for name, w in listed
        ]
        for name, fmt, dtype, rows, cols, arrays in plain:
            check_name(fmt)
            parts = {str(a): by_name[f"{name}.{a}"] for a in arrays}
            stored = next(iter(parts.values()))
            DTYPES[dtype]
            yield Entry(stored.file, name, (rows, cols), dtype, packing=fmt, parts=parts)
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
        raise SourceError(
            f"{file}: its {PACKED_KEY} does not describe its tensors ({error!r}); "
            "convert the checkpoint again"
        ) from error


def _bitmasks(by_name: Mapping[str, Stored]) -> Iterator[Entry]:
    for name, mask in by_name.items():
        prefix, _, last = name.rpartition(".")
        if last != "bitmask" or f"{prefix}.compressed" not in by_name:
            continue
        parts = {part: by_name.get(f"{prefix}.{part}") for part in _BITMASK_PARTS}
        whole = {part: stored for part, stored in parts.items() if stored is not None}
        missing = [part for part in _BITMASK_PARTS if part not in whole]
        if missing:
            raise SourceError(
                f"{mask.file}: '{prefix}' has a bitmask but no {' and no '.join(missing)}; "
                f"expected {', '.join(_BITMASK_PARTS)} of compressed-tensors' sparse-bitmask"
            )
        yield _bitmask(prefix, whole)


def _bitmask(prefix: str, parts: Mapping[str, Stored]) -> Entry:
    name = prefix if prefix.endswith(".weight") else f"{prefix}.weight"
    values, shape = safetensors_header.entry(parts["compressed"]), parts["shape"]
    if shape.kind != "I64" or shape.shape != (2,):
        raise _wrong(name, parts, f"its shape is {shape.kind} {list(shape.shape)}, expected I64 2")
    rows, cols = (int(n) for n in array(shape))
    if parts["bitmask"].kind != "U8" or parts["bitmask"].shape != (rows, -(-cols // 8)):
        seen = f"its bitmask is {parts['bitmask'].kind} {list(parts['bitmask'].shape)}"
        raise _wrong(name, parts, f"{seen}, expected U8 {[rows, -(-cols // 8)]}")
    stored = parts["bitmask"]
    return Entry(stored.file, name, (rows, cols), values.dtype, 0, values.refusal, BITMASK, parts)


def _unmasked(entry: Entry) -> Array:
    rows, cols = entry.shape
    bits, values = array(entry.parts["bitmask"]), array(entry.parts["compressed"]).reshape(-1)
    counts = np.bitwise_count(bits).sum(axis=1, dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(counts)])
    if (
        starts[-1] != values.size
        or (starts[:-1] != array(entry.parts["row_offsets"]).ravel()).any()
    ):
        raise _wrong(entry.name, entry.parts, "its bits do not count its values")
    dense = np.zeros(entry.shape, DTYPES[entry.dtype])

    def fill(part: slice) -> None:
        chosen = np.unpackbits(bits[part], axis=1, count=cols, bitorder="little").view(bool)
        dense[part][chosen] = values[starts[part.start] : starts[part.stop]]

    in_threads(fill, _parts(rows, cols))
    return dense


def _parts(rows: int, cols: int) -> Sequence[slice]:
    step = max(1, 2**20 // max(cols, 1))
    return [slice(row, min(row + step, rows)) for row in range(0, rows, step)]


def _wrong(name: str, parts: Mapping[str, Stored], seen: str) -> SourceError:
    file = parts["bitmask"].file
    return SourceError(f"{file}: tensor '{name}': {seen}; the file is damaged, get it again")
