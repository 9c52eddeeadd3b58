"""Results for other programs: the rows that count as one CSV table, or as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

from spmvbench.record import COLUMNS, Record
from spmvbench.share.frame import records
from spmvbench.table import cells, line


def to_csv(paths: Sequence[Path]) -> str:
    """All results at or below some paths as one table. Raises: ResultsError."""
    return b"".join([line(COLUMNS), *(line(cells(row)) for row in records(paths))]).decode()


def to_json(paths: Sequence[Path]) -> str:
    """The same as a JSON array of objects: numbers, booleans, text; an empty cell is null.

    JSON has no infinity: such an error is null too. Raises: ResultsError.
    """
    return as_json(records(paths))


def as_json(rows: Sequence[Record]) -> str:
    """One object a line, so that two exports can be compared line by line."""
    lines = (json.dumps(_plain(row), ensure_ascii=False, allow_nan=False) for row in rows)
    return "[\n" + ",\n".join(lines) + "\n]\n"


def _plain(row: Record) -> dict[str, object]:
    return {name: _value(getattr(row, name)) for name in COLUMNS}


def _value(value: object) -> object:
    infinite = isinstance(value, float) and not math.isfinite(value)
    return None if infinite or value == "" else value
