"""A matrix in a file: its name, its size, and its values rounded to the type to measure in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import ml_dtypes
import numpy as np

from spmvbench.dtypes import DTYPES, Array
from spmvbench.errors import SourceError
from spmvbench.problems.chunks import Chunk, chunks, in_threads

# Where a value does not fit float16, bfloat16 is the next type of the same size.
_WIDER = ("bfloat16", "float32")


@dataclass(frozen=True)
class Tensor:
    """A matrix that a file holds; `dtype` is the type it is stored in."""

    name: str
    rows: int
    cols: int
    dtype: str


@dataclass(frozen=True)
class Stored:
    """Bytes begin .. end - 1 of a `.safetensors` file; `kind` is its word for a type: F16, U8."""

    file: Path
    name: str
    kind: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def nbytes(self) -> int:
        """Bytes it takes in the file."""
        return self.end - self.begin


@dataclass(frozen=True)
class Entry:
    """What a file's header says of one tensor, matrix or not.

    `refusal`: why its values cannot be read, whatever its shape. `offset`: bytes before its data.
    `parts`: what a `.safetensors` file holds of it: "" is the tensor itself; when it is packed,
    `packing` names how, and the parts are its arrays.
    """

    file: Path
    name: str
    shape: tuple[int, ...]
    dtype: str
    offset: int = 0
    refusal: str | None = None
    packing: str = ""
    parts: Mapping[str, Stored] = field(default_factory=dict, repr=False)

    @property
    def unusable(self) -> str | None:
        """Why it is no matrix to measure, in a few words; None when it is one."""
        if self.refusal:
            return self.refusal
        if len(self.shape) != 2:
            return f"its shape is {list(self.shape)}, expected 2 dimensions"
        return None

    @property
    def tensor(self) -> Tensor:
        """The entry as a matrix. Raises: SourceError when it is none."""
        if self.unusable:
            raise SourceError(f"{self.file}: tensor '{self.name}': {self.unusable}; choose another")
        rows, cols = self.shape
        return Tensor(self.name, rows, cols, self.dtype)


def rounded(stored: Array, dtype: str, entry: Entry) -> Array:
    """A copy in `dtype`, made in chunks: `stored` may be a mapped file.

    Shapes: stored and result (rows, cols).
    Raises: SourceError for a finite value that `dtype` cannot hold.
    """
    dense = np.empty(stored.shape, DTYPES[dtype])

    def copy(chunk: Chunk) -> None:
        part = stored[chunk.rows, chunk.cols]
        narrow = dense[chunk.rows, chunk.cols] = _cast(part, dtype)
        bad = np.argwhere(_overflown(part, narrow))
        if bad.size:
            at = (chunk.row + int(bad[0, 0]), chunk.col + int(bad[0, 1]))
            raise _beyond(stored[at], at, dtype, entry)

    in_threads(copy, chunks(range(stored.shape[0]), stored.shape[1]))
    return dense


def scattered(values: Array, rows: Array, cols: Array, dtype: str, entry: Entry) -> Array:
    """The dense matrix of entry.shape with those values in those places, zero elsewhere.

    Shapes: values, rows and cols (n,); no place twice.
    Raises: SourceError for a finite value that `dtype` cannot hold.
    """
    narrow = _cast(values, dtype)
    bad = np.flatnonzero(_overflown(values, narrow))
    if bad.size:
        i = int(bad[0])
        raise _beyond(values[i], (int(rows[i]), int(cols[i])), dtype, entry)
    dense = np.zeros(entry.shape, DTYPES[dtype])
    dense[rows, cols] = narrow
    return dense


def _cast(values: Array, dtype: str) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(DTYPES[dtype])


def _overflown(values: Array, narrow: Array) -> Array:
    """True where a finite value became infinite."""
    bad: Array = np.isinf(narrow)
    return bad & np.isfinite(values) if bad.any() else bad


def _beyond(value: float, at: tuple[int, int], dtype: str, entry: Entry) -> SourceError:
    fits = [wider for wider in _WIDER if abs(float(value)) <= _largest(wider)]
    step = f"use dtypes: [{fits[0]}]" if fits else "scale the matrix down"
    return SourceError(
        f"{entry.file}: tensor '{entry.name}' row {at[0]}, column {at[1]} is {float(value):.6g}, "
        f"expected at most {_largest(dtype):.6g} in magnitude for {dtype}; {step}"
    )


def _largest(dtype: str) -> float:
    return float(ml_dtypes.finfo(DTYPES[dtype]).max)
