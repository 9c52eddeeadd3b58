"""The header of a `.safetensors` file, believed only where it agrees with the file.

The header's length (8 bytes, little-endian), the header (JSON: name -> dtype, shape, data_offsets
relative to the header's end), then the data.
Source: the format section of https://github.com/huggingface/safetensors.
"""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

from spmvbench.errors import SourceError
from spmvbench.problems.tensor import Entry

_PREFIX = 8
_MAX_HEADER = 100_000_000  # the limit of the reference implementation
_METADATA = "__metadata__"
_TYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
# Bytes a value; of types not measured too, for their size tells a sound header from a broken one.
_SIZES = {
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "F64": 8,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "BOOL": 1,
    "I8": 1,
    "I16": 2,
    "I32": 4,
    "I64": 8,
    "U8": 1,
    "U16": 2,
    "U32": 4,
    "U64": 8,
}


def entries(file: Path) -> list[Entry]:
    """What the header lists, in its order; no data is read.

    Raises: SourceError for a header that is malformed or does not fit the file.
    """
    header, start = _header(file)
    size = file.stat().st_size - start
    tensors = {name: fields for name, fields in header.items() if name != _METADATA}
    listed = [_entry(file, name, fields, start, size) for name, fields in tensors.items()]
    spans = sorted((*fields["data_offsets"], name) for name, fields in tensors.items())
    for (_, end, name), (begin, _, other) in pairwise(spans):
        if begin < end:
            raise _broken(file, other, f"begins at byte {begin}, inside '{name}' up to {end}")
    return listed


def _header(file: Path) -> tuple[dict[str, Any], int]:
    """The header, and the bytes before the data."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(_PREFIX), "little")
        if size < _PREFIX or length > min(size - _PREFIX, _MAX_HEADER):
            raise SourceError(
                f"{file}: says its header takes {length} bytes, the file has {size}; expected a "
                "whole .safetensors file, get it again"
            )
        text = stream.read(length)
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(
            f"{file}: its header is no JSON ({error}); expected a .safetensors file, get it again"
        ) from error
    if not isinstance(header, dict):
        raise SourceError(
            f"{file}: its header is a JSON {type(header).__name__}, expected an object; "
            "get it again"
        )
    return header, _PREFIX + length


def _entry(file: Path, name: str, fields: Any, start: int, size: int) -> Entry:
    try:
        kind, shape, offsets = fields["dtype"], fields["shape"], fields["data_offsets"]
    except (KeyError, TypeError) as error:
        raise _broken(file, name, "lacks dtype, shape or data_offsets") from error
    if not isinstance(kind, str):
        raise _broken(file, name, f"has dtype {kind!r}, expected a word such as F16")
    if not _are_counts(shape):
        raise _broken(file, name, f"has shape {shape!r}, expected integers from 0")
    if not _are_counts(offsets) or len(offsets) != 2 or not offsets[0] <= offsets[1] <= size:
        raise _broken(file, name, f"has data_offsets {offsets!r}, expected a range in 0 to {size}")
    taken, expected = offsets[1] - offsets[0], math.prod(shape) * _SIZES.get(kind, 0)
    if kind in _SIZES and taken != expected:
        raise _broken(file, name, f"takes {taken} bytes, expected {expected} for {kind} {shape}")
    refusal = None if kind in _TYPES else f"its dtype is {kind}, expected {', '.join(_TYPES)}"
    dtype = _TYPES.get(kind, kind)
    return Entry(file, name, tuple(shape), dtype, start + offsets[0], refusal)


def _are_counts(numbers: object) -> bool:
    return isinstance(numbers, list) and all(type(n) is int and n >= 0 for n in numbers)


def _broken(file: Path, name: str, seen: str) -> SourceError:
    return SourceError(f"{file}: tensor '{name}' {seen}; the file is damaged, get it again")
