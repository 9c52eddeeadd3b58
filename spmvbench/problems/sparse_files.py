"""`.mtx`, `.mtx.gz` and scipy `.npz` sources: one sparse matrix, made dense if memory allows."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import scipy.io
import scipy.sparse

from spmvbench.dtypes import Array, itemsize
from spmvbench.errors import SourceError
from spmvbench.problems.npy_files import REAL, header
from spmvbench.problems.tensor import Entry, rounded, scattered

_MTX_TYPES = {
    "real": "float64",
    "integer": "int64",
    "unsigned-integer": "uint64",
    "pattern": "bool",
}
_SMALLEST = "float16"


def entries(path: Path) -> list[Entry]:
    """The one matrix, named as the file, from its header.

    Raises: SourceError for a file that is damaged, or whose dense form is too large.
    """
    entry = _npz_entry(path) if path.suffix == ".npz" else _mtx_entry(path)
    _check_memory(entry, _SMALLEST)
    return [entry]


def load(entry: Entry, dtype: str) -> Array:
    """The dense matrix, rounded to `dtype`; what is stored twice is added up.

    Shape: entry.shape.
    """
    _check_memory(entry, dtype)
    matrix = _npz(entry.file) if entry.file.suffix == ".npz" else _mtx(entry.file)
    if isinstance(matrix, np.ndarray):
        return rounded(matrix, dtype, entry)
    matrix = matrix.tocoo()
    matrix.sum_duplicates()
    row, col = matrix.row, matrix.col
    return scattered(matrix.data, row, col, dtype, entry)


def _check_memory(entry: Entry, dtype: str) -> None:
    if len(entry.shape) != 2:
        return
    rows, cols = entry.shape
    dense, half = rows * cols * itemsize(dtype), psutil.virtual_memory().total // 2
    if dense > half:
        raise SourceError(
            f"{entry.file}: {rows}x{cols} takes {dense / 1e9:.3g} GB as dense {dtype}, expected at "
            f"most half of memory, {half / 1e9:.3g} GB; cut out a part of it"
        )


def _mtx_entry(path: Path) -> Entry:
    try:
        rows, cols, stored, _, field, _ = scipy.io.mminfo(str(path))
    except (ValueError, OverflowError, OSError, EOFError, zlib.error) as error:
        raise _damaged(path, error, "a Matrix Market file") from error
    if stored > rows * cols:
        raise SourceError(f"{path}: lists {stored} values for {rows}x{cols} elements; get it again")
    refusal = None if field in _MTX_TYPES else f"its values are {field}, expected real ones"
    name = path.name.removesuffix(".gz").removesuffix(".mtx")
    return Entry(path, name, (rows, cols), _MTX_TYPES.get(field, field), 0, refusal)


def _mtx(path: Path) -> Any:
    try:
        return scipy.io.mmread(str(path), spmatrix=False)
    except (ValueError, OverflowError, OSError, EOFError, zlib.error) as error:
        raise _damaged(path, error, "a whole Matrix Market file") from error


def _npz_entry(path: Path) -> Entry:
    try:
        with zipfile.ZipFile(path) as archive:
            if not {"format.npy", "shape.npy", "data.npy"} <= set(archive.namelist()):
                raise SourceError(
                    f"{path}: holds {', '.join(archive.namelist()) or 'nothing'}, expected a "
                    "sparse matrix of scipy.sparse.save_npz; save a dense one as .npy"
                )
            with archive.open("shape.npy") as member:
                shape = np.lib.format.read_array(member, allow_pickle=False)
            with archive.open("data.npy") as member:
                _, _, stored = header(member)
            sizes = tuple(int(size) for size in shape)
    except (zipfile.BadZipFile, zlib.error, ValueError, TypeError, RuntimeError, EOFError) as error:
        raise _damaged(path, error, "a .npz file of scipy.sparse.save_npz") from error
    refusal = None if stored.kind in REAL else f"its dtype is {stored}, expected real numbers"
    return Entry(path, path.stem, sizes, stored.name, 0, refusal)


def _npz(path: Path) -> Any:
    try:
        matrix = scipy.sparse.load_npz(path)
        if matrix.format in ("csr", "csc", "bsr"):
            matrix.check_format(full_check=True)  # else a wild index would write somewhere
        return matrix
    except (zipfile.BadZipFile, zlib.error, ValueError, KeyError, RuntimeError, EOFError) as error:
        raise _damaged(path, error, "a whole .npz file of scipy.sparse.save_npz") from error


def _damaged(path: Path, error: Exception, expected: str) -> SourceError:
    line = (str(error) or type(error).__name__).split("\n", 1)[0]
    return SourceError(f"{path}: {line}; expected {expected}, get or save it again")
