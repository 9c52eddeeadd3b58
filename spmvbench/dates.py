"""When the rows of a results folder were measured: first and last, per environment, in UTC."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

from spmvbench.errors import ResultsError
from spmvbench.records import write

DATES = "dates.json"

Span = tuple[str, str]
"""The first and the last time, such as `2026-03-31T12:05Z`: they sort as text."""

_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ")


class Dates:
    """dates.json of a folder that is measured into; written at most once a minute.

    Raises: ResultsError for a file that no run wrote.
    """

    def __init__(self, folder: Path) -> None:
        """What the folder has so far."""
        self._folder = folder
        self._known = read(folder)

    def note(self, environment: str) -> None:
        """A row was measured in that environment, now."""
        now = time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime())
        first, last = self._known.get(environment, (now, ""))
        if last != now:
            self._known[environment] = (min(first, now), max(last, now))
            save(self._folder, self._known)


def read(folder: Path) -> dict[str, Span]:
    """Environment -> first and last time; {} where older versions have measured.

    Raises: ResultsError for a file that no run wrote.
    """
    path = folder / DATES
    if not path.is_file():
        return {}
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        found = {str(name): (first, last) for name, (first, last) in plain.items()}
        if not all(_STAMP.fullmatch(stamp) for span in found.values() for stamp in span):
            raise ValueError("a time is not written YYYY-MM-DDThh:mmZ")
    except (ValueError, TypeError, AttributeError, OSError) as error:
        raise ResultsError(
            f"{path}: not the dates that a run writes ({error}); restore or delete it"
        ) from error
    return found


def save(folder: Path, dates: dict[str, Span]) -> None:
    """Replace the file."""
    write(folder / DATES, json.dumps(dates, indent=1, sort_keys=True) + "\n")


def joined(spans: list[Span]) -> Span | None:
    """From the earliest to the latest; None of none."""
    return (min(a for a, _ in spans), max(b for _, b in spans)) if spans else None
