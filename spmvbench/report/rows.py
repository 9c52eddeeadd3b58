"""The records as the page carries them: column by column, compressed, as text."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import fields
from typing import Any

import pandas as pd

from spmvbench.curves import text
from spmvbench.record import Record

DIGITS = 5
"""Of a number that is no integer: the page shows four, and random digits do not compress."""

LEFT_OUT = ("samples_offset", "schema_version")
"""Columns that say something only beside their own files."""

SHAPE = "shape"
MEANINGS = {SHAPE: "rows x cols of A"} | {
    f.name: f.metadata["meaning"].replace("`", "").removesuffix(": see below")
    for f in fields(Record)
}

ALWAYS = (SHAPE, "density", "format", "status", "median_us", "speedup")
SHOWN = (
    *("experiment", "device", SHAPE, "density", "batch", "cache", "threads", "format", "status"),
    *("reason", "median_us", "speedup", "effective_density", "bandwidth_share", "flags"),
)
"""Columns that are shown at first, those that say the same throughout only if in `ALWAYS`."""


def packed(records: pd.DataFrame) -> str:
    """Base64 of gzipped JSON: a list of columns.

    Each has `name`, `meaning`, `shown` (at first), and either `values`, numbers or null, or `words`
    and `at`: the text of a row is `words[at[row]]`. Those that are empty throughout are left out.
    """
    rows = records.assign(**{SHAPE: _shapes(records)})
    names = [*SHOWN, *(n for n in rows.columns if n not in SHOWN and n not in LEFT_OUT)]
    columns = [column for name in names if (column := _column(name, rows[name]))]
    data = json.dumps(columns, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(data.encode(), mtime=0)).decode()


def _shapes(records: pd.DataFrame) -> list[str]:
    sizes = zip(records["rows"].fillna(0), records["cols"].fillna(0), strict=True)
    return [f"{rows:.0f} x {cols:.0f}" for rows, cols in sizes]


def _column(name: str, cells: pd.Series) -> dict[str, Any] | None:
    """None where every cell is empty."""
    if cells.isna().all() and name not in ALWAYS:
        return None
    found: dict[str, Any] = {"name": name, "meaning": MEANINGS.get(name, "")}
    if pd.api.types.is_numeric_dtype(cells) and not pd.api.types.is_bool_dtype(cells):
        found["values"] = [_number(value) for value in cells.to_list()]
        different = set(found["values"])
    else:
        words = text(cells).to_list()
        places = {word: place for place, word in enumerate(dict.fromkeys(words))}
        found |= {"words": list(places), "at": [places[word] for word in words]}
        different = set(places)
    found["shown"] = name in ALWAYS or (name in SHOWN and len(different) > 1)
    return None if different == {""} and name not in ALWAYS else found


def _number(value: float) -> float | int | None:
    if value != value:
        return None
    return int(value) if value == int(value) else float(f"{value:.{DIGITS}g}")
