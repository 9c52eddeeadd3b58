"""Results as a data frame: one row per record, one dtype per kind of column."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from spmvbench.errors import ResultsError
from spmvbench.record import COLUMNS, Record
from spmvbench.records import newest
from spmvbench.share.folders import all_opened
from spmvbench.share.source import is_bundle
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

    rows = records([Path(path)])
    columns = {name: [getattr(row, name) for row in rows] for name in COLUMNS}
    return pd.DataFrame(
        {name: pd.array(column, DTYPES[TYPES[name]]) for name, column in columns.items()}
    )


def records(paths: Sequence[Path]) -> list[Record]:
    """The same of several paths as records. Raises: ResultsError."""
    tables = [path for path in paths if path.suffix == ".csv" and is_bundle(path)]
    rows = [row for path in tables for row in read(path)]
    with all_opened(path for path in paths if path not in tables) as found:
        rows += [row for folder in found for row in folder.rows]
    if not rows:
        names = ", ".join(map(str, paths))
        raise ResultsError(f"{names}: has no row; 'spmvbench run' measures some")
    return newest(rows)
