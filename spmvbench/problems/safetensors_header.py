"""The header of a `.safetensors` file, believed only where it agrees with the file.

The header's length (8 bytes, little-endian), the header (JSON: name -> dtype, shape, data_offsets
relative to the header's end), then the data.
Source: the format section of https://github.com/huggingface/safetensors.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from spmvbench.errors import SourceError
from spmvbench.problems.tensor import Entry, Stored

PREFIX = 8
METADATA = "__metadata__"
KINDS: dict[str, np.dtype[Any]] = {
    "F32": np.dtype(np.float32),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F64": np.dtype(np.float64),
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
    "BOOL": np.dtype(np.bool_),
    "I8": np.dtype(np.int8),
    "I16": np.dtype(np.int16),
    "I32": np.dtype(np.int32),
    "I64": np.dtype(np.int64),
    "U8": np.dtype(np.uint8),
    "U16": np.dtype(np.uint16),
    "U32": np.dtype(np.uint32),
    "U64": np.dtype(np.uint64),
}
"""NumPy's types; of those not measured too, for their size tells a sound header from a broken one.

A kind that is not here may still be listed, and copied: its size is believed.
"""

_MAX_HEADER = 100_000_000  # the limit of the reference implementation
_MOST = 2**56  # elements; NumPy refuses shapes that 64 bits cannot count, empty ones too
_TYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


@dataclass(frozen=True)
class Header:
    """What a file holds, in the order of its header, and the words that its writer added."""

    metadata: dict[str, str]
    tensors: list[Stored]


def read(file: Path) -> Header:
    """The header; no data is read.

    Raises: SourceError for a header that is malformed or does not fit the file.
    """
    header, start = _header(file)
    metadata = header.pop(METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise SourceError(f"{file}: its {METADATA} is not text to text; get it again")
    size = file.stat().st_size - start
    listed = [_stored(file, name, fields, start, size) for name, fields in header.items()]
    for one, other in pairwise(sorted(listed, key=lambda t: (t.begin, t.end, t.name))):
        if other.begin < one.end:
            first, last = other.begin - start, one.end - start
            seen = f"begins at byte {first}, inside '{one.name}' up to {last}"
            raise _broken(file, other.name, seen)
    return Header(metadata, listed)


def entry(stored: Stored) -> Entry:
    """The tensor as a source has it, with the reason when its values cannot be used."""
    kind = stored.kind
    refusal = None if kind in _TYPES else f"its dtype is {kind}, expected {', '.join(_TYPES)}"
    dtype, parts = _TYPES.get(kind, kind), {"": stored}
    return Entry(stored.file, stored.name, stored.shape, dtype, stored.begin, refusal, parts=parts)


def _header(file: Path) -> tuple[dict[str, Any], int]:
    """The header, and the bytes before the data."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(PREFIX), "little")
        if size < PREFIX or length > min(size - PREFIX, _MAX_HEADER):
            raise SourceError(
                f"{file}: says its header takes {length} bytes, the file has {size}; expected a "
                "whole .safetensors file, get it again"
            )
        text = stream.read(length)
    try:
        header = json.loads(text, object_pairs_hook=_no_name_twice)
    except (ValueError, RecursionError) as error:
        raise SourceError(
            f"{file}: its header is no JSON ({error}); expected a .safetensors file, get it again"
        ) from error
    if not isinstance(header, dict):
        raise SourceError(
            f"{file}: its header is a JSON {type(header).__name__}, expected an object; "
            "get it again"
        )
    return header, PREFIX + length


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name!r} stands there twice")
        found[name] = value
    return found


def _stored(file: Path, name: str, fields: Any, start: int, size: int) -> Stored:
    if not name.isprintable():  # a lone surrogate could not even be written to a terminal
        raise SourceError(f"{file}: a tensor is named {name!r}, expected text; get it again")
    try:
        kind, shape, offsets = fields["dtype"], fields["shape"], fields["data_offsets"]
    except (KeyError, TypeError) as error:
        raise _broken(file, name, "lacks dtype, shape or data_offsets") from error
    if not isinstance(kind, str) or not kind.isprintable():
        raise _broken(file, name, f"has dtype {kind!r}, expected a word such as F16")
    if not _are_counts(shape) or math.prod(n or 1 for n in shape) > _MOST:
        raise _broken(file, name, f"has shape {_few(shape)}, expected integers from 0")
    if not _are_counts(offsets) or len(offsets) != 2 or not offsets[0] <= offsets[1] <= size:
        seen = _few(offsets)
        raise _broken(file, name, f"has data_offsets {seen}, expected a range in 0 to {size}")
    if kind in KINDS:
        taken, expected = offsets[1] - offsets[0], math.prod(shape) * KINDS[kind].itemsize
        if taken != expected:
            seen = f"takes {taken} bytes, expected {_few(expected)} for {kind} {_few(shape)}"
            raise _broken(file, name, seen)
    return Stored(file, name, kind, tuple(shape), start + offsets[0], start + offsets[1])


def _few(value: object) -> str:
    """A value as text that fits a line; an integer may have more digits than Python prints."""
    try:
        text = repr(value)
    except ValueError:
        return "more than there can be"
    return text if len(text) <= 80 else f"{text[:77]}..."


def _are_counts(numbers: object) -> bool:
    return isinstance(numbers, list) and all(type(n) is int and n >= 0 for n in numbers)


def _broken(file: Path, name: str, seen: str) -> SourceError:
    return SourceError(f"{file}: tensor '{name}' {seen}; the file is damaged, get it again")
