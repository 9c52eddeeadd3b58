"""records.csv as text: a record to a line, and the file back to records."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, get_type_hints

from spmvbench.errors import ResultsError
from spmvbench.record import COLUMNS, OLDEST_SCHEMA, SCHEMA_VERSION, Record, columns_of

TYPES = get_type_hints(Record)


def read(path: Path) -> list[Record]:
    """The rows of a records.csv in order; none where there is no file.

    A table of an older version is read too: what it has no column for is not measured.
    Raises: ResultsError when its columns are not ours.
    """
    header, rows = _lines(path)
    parsers = [_parser(TYPES[name]) for name in header]
    return [_record(path, number, header, parsers, own) for number, own in enumerate(rows, 2)]


def upgraded(path: Path) -> str | None:
    """The text of an older table with the columns of today; None: there is nothing to change.

    Cells are taken as they are; a row keeps the `schema_version` it was written with. `read` the
    table before: it says which line is no row. Raises: ResultsError when its columns are not ours.
    """
    header, rows = _lines(path)
    if header in ((), COLUMNS):
        return None
    places = [header.index(name) if name in header else None for name in COLUMNS]
    moved = [["" if place is None else own[place] for place in places] for own in rows]
    return b"".join(map(line, (COLUMNS, *moved))).decode()


def _lines(path: Path) -> tuple[tuple[str, ...], list[list[str]]]:
    """The header and the cells of the rows; () and none where there is no table yet."""
    if not path.is_file() or path.stat().st_size == 0:
        return (), []
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ResultsError(f"{path}: cannot be read as a table ({error}); use --out") from error
    with io.StringIO(text, newline="") as file:
        rows = csv.reader(file)
        header = tuple(next(rows, ()))
        known = [columns_of(version) for version in range(OLDEST_SCHEMA, SCHEMA_VERSION + 1)]
        if header not in known:
            odd = min((sorted(set(header) ^ set(one)) for one in known[::-1]), key=len)[:3]
            raise ResultsError(
                f"{path}:1: columns differ from schema {SCHEMA_VERSION} ({', '.join(odd)}); "
                "measure into another folder with --out, or plot it with the version that wrote it"
            )
        return header, list(rows)


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


def _record(
    path: Path,
    number: int,
    header: Sequence[str],
    parsers: Sequence[Callable[[str], Any]],
    cells: list[str],
) -> Record:
    if len(cells) != len(header):
        raise ResultsError(
            f"{path}:{number}: cells: {len(cells)}, expected {len(header)}; restore or delete the "
            "line"
        )
    try:
        found = zip(header, parsers, cells, strict=True)
        return Record(**{name: parse(cell) for name, parse, cell in found})
    except ValueError as error:
        raise ResultsError(
            f"{path}:{number}: not a row that a run writes ({error}); restore or delete the line"
        ) from error


def _parser(kind: Any) -> Callable[[str], Any]:
    if kind is str:
        return str
    if kind is bool:
        return "True".__eq__
    parse: Callable[[str], Any] = int if kind in (int, int | None) else float
    return lambda cell: None if cell == "" else parse(cell)
