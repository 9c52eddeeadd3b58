"""records.csv as text: a record to a line, and the file back to records."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, get_type_hints

from spmvbench.errors import ResultsError
from spmvbench.record import COLUMNS, SCHEMA_VERSION, Record

TYPES = get_type_hints(Record)


def read(path: Path) -> list[Record]:
    """The rows of a records.csv in order; none where there is no file.

    Raises: ResultsError when its columns are not ours.
    """
    if not path.is_file() or path.stat().st_size == 0:
        return []
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ResultsError(f"{path}: cannot be read as a table ({error}); use --out") from error
    with io.StringIO(text, newline="") as file:
        rows = csv.reader(file)
        header = tuple(next(rows, ()))
        if header != COLUMNS:
            odd = sorted(set(header) ^ set(COLUMNS))[:3]
            raise ResultsError(
                f"{path}:1: columns differ from schema {SCHEMA_VERSION} ({', '.join(odd)}); "
                "measure into another folder with --out, or plot it with the version that wrote it"
            )
        return [_record(path, number, cells) for number, cells in enumerate(rows, 2)]


def line(cells: Iterable[Any]) -> bytes:
    """A line of the file, its end included."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


def cells(record: Record) -> list[str]:
    """A record's cells, in the order of the columns."""
    return [_cell(getattr(record, name)) for name in COLUMNS]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.7g}"
    return " ".join(str(value).splitlines())


def _record(path: Path, number: int, cells: list[str]) -> Record:
    try:
        values = {
            name: _parse(TYPES[name], cell) for name, cell in zip(COLUMNS, cells, strict=True)
        }
    except ValueError as error:
        raise ResultsError(
            f"{path}:{number}: not a row that a run writes ({error}); restore or delete the line"
        ) from error
    return Record(**values)


def _parse(kind: Any, cell: str) -> Any:
    if kind is str:
        return cell
    if kind is bool:
        return cell == "True"
    if cell == "":
        return None
    parse: Callable[[str], Any] = int if kind in (int, int | None) else float
    return parse(cell)
