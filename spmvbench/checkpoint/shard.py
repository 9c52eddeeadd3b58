"""Writing a `.safetensors` file whose sizes are known only when its data is: the header is last."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

import numpy as np

from spmvbench.checkpoint.output import copy_bytes
from spmvbench.dtypes import Array
from spmvbench.problems.safetensors_header import KINDS, METADATA, PREFIX
from spmvbench.problems.tensor import Stored

_KIND_OF = {dtype: kind for kind, dtype in KINDS.items()}
_LARGEST = 2**63  # more digits than any size or offset has
_ALIGNMENT = 8  # of the data, as the reference implementation writes it


class ShardWriter:
    """Appends tensors to an empty file. Room is left for the header, which `close` fills.

    The format allows spaces after the header's JSON, so room may be left over.
    """

    def __init__(
        self, stream: BinaryIO, names: Iterable[tuple[str, int]], metadata: Mapping[str, str]
    ) -> None:
        """`names`: of the tensors to come at most, with their dimensions; `metadata`: at its
        longest.
        """
        fields = {
            name: _fields(max(KINDS, key=len), (_LARGEST,) * dimensions, _LARGEST, _LARGEST)
            for name, dimensions in names
        }
        room = len(_text(metadata, fields))
        self._room = room + -(room + PREFIX) % _ALIGNMENT
        self._stream = stream
        self._start = PREFIX + self._room
        self._tensors: dict[str, Any] = {}
        stream.seek(self._start)

    @property
    def names(self) -> list[str]:
        """Of all tensors so far."""
        return list(self._tensors)

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors so far."""
        return self._stream.tell() - self._start

    def copy(self, stored: Stored, source: BinaryIO) -> None:
        """Append a tensor from another file."""
        self._list(stored.name, stored.kind, stored.shape, stored.nbytes)
        copy_bytes(source, self._stream, stored.begin, stored.end)

    def add(self, name: str, array: Array) -> None:
        """Append an array."""
        self._list(name, _KIND_OF[array.dtype], array.shape, array.nbytes)
        self._stream.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)

    def close(self, metadata: Mapping[str, str]) -> None:
        """Write the header."""
        end = self._stream.tell()
        self._stream.seek(0)
        text = _text(metadata, self._tensors).ljust(self._room)
        self._stream.write(len(text).to_bytes(PREFIX, "little") + text)
        self._stream.seek(end)

    def _list(self, name: str, kind: str, shape: tuple[int, ...], nbytes: int) -> None:
        begin = self._stream.tell() - self._start
        self._tensors[name] = _fields(kind, shape, begin, begin + nbytes)


def _fields(kind: str, shape: tuple[int, ...], begin: int, end: int) -> dict[str, Any]:
    return {"dtype": kind, "shape": list(shape), "data_offsets": [begin, end]}


def _text(metadata: Mapping[str, str], tensors: Mapping[str, Any]) -> bytes:
    header = {METADATA: dict(metadata), **tensors} if metadata else dict(tensors)
    return json.dumps(header, separators=(",", ":")).encode()
