"""`.npy` sources: one matrix, mapped."""

from __future__ import annotations

import math
from pathlib import Path
from tokenize import TokenError
from typing import IO

import numpy as np

from spmvbench.dtypes import DTYPES, Array
from spmvbench.errors import SourceError
from spmvbench.problems.tensor import Entry, rounded

REAL = "fiub"
"""NumPy's kinds that are numbers: float, integers, bool."""


def entries(path: Path) -> list[Entry]:
    """The one matrix, named as the file. Raises: SourceError for a file that is damaged."""
    with path.open("rb") as stream:
        try:
            shape, _, stored = header(stream)
        except ValueError as error:
            line = str(error).split("\n", 1)[0]
            raise SourceError(
                f"{path}: {line}; expected a whole .npy file, save it again"
            ) from error
        offset = stream.tell()
    refusal = None
    if stored.hasobject:
        refusal = "it is pickled objects, expected numbers: save it as a float array"
    elif stored.kind not in REAL:
        refusal = f"its dtype is {stored}, expected real numbers"
    missing = offset + math.prod(shape) * stored.itemsize - path.stat().st_size
    if missing > 0 and not refusal:
        raise SourceError(
            f"{path}: is {missing} bytes short, expected {list(shape)} of {stored}; save it again"
        )
    return [Entry(path, path.stem, shape, stored.name, offset, refusal)]


def load(entry: Entry, dtype: str) -> Array:
    """The matrix, rounded to `dtype`. Shape: entry.shape."""
    if 0 in entry.shape:  # nothing to map
        return np.zeros(entry.shape, DTYPES[dtype])
    return rounded(np.load(entry.file, mmap_mode="r"), dtype, entry)


def header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    """Shape, whether columns are contiguous, and dtype; leaves the stream where the data begins.

    Raises: ValueError, whatever is wrong.
    """
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0
    if version != (1, 0):  # 3.0 differs in the encoding of field names only
        read = np.lib.format.read_array_header_2_0
    try:
        shape, fortran, stored = read(stream)
    except (SyntaxError, TokenError, TypeError) as error:
        raise ValueError(f"its header cannot be read ({error})") from error
    if any(size < 0 for size in shape):
        raise ValueError(f"its shape is {list(shape)}")
    return shape, fortran, stored
