"""Results as a data frame: one row per record, one dtype per kind of column."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from spmvbench.errors import ResultsError
from spmvbench.record import COLUMNS, Record
from spmvbench.records import CSV, csv_files, newest
from spmvbench.share.source import opened
from spmvbench.table import TYPES, read

if TYPE_CHECKING:
    import pandas as pd

DTYPES = {
    str: "string",
    bool: "bool",
    int: "Int64",
    int | None: "Int64",
    float: "float64",
    float | None: "float64",
}
"""Type of a record's field -> pandas dtype. An empty cell is "", <NA> or NaN."""


def load(path: str | PathLike[str]) -> pd.DataFrame:
    """The rows of a folder, a CSV file of our columns, or a bundle; of each case the newest.

    Columns: `record.COLUMNS`. Several folders below the path give one frame: `experiment` and
    `device` tell them apart.
    Raises: ResultsError where there is nothing to read.
    """
    import pandas as pd

    rows = records(Path(path))
    columns = {name: [getattr(row, name) for row in rows] for name in COLUMNS}
    return pd.DataFrame(
        {name: pd.array(column, DTYPES[TYPES[name]]) for name, column in columns.items()}
    )


def records(path: Path) -> list[Record]:
    """The same as records. Raises: ResultsError."""
    if path.suffix == ".csv" and path.name != CSV and path.is_file():
        rows = read(path)
    else:
        with opened(path) as top:
            rows = [row for file in csv_files(top) for row in read(file)]
    if not rows:
        raise ResultsError(f"{path}: has no row; 'spmvbench run' measures some")
    return newest(rows)
