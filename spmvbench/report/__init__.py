"""One HTML page of results that needs nothing beside it: answer, figures, records, provenance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spmvbench.records import write
from spmvbench.report.page import page
from spmvbench.report.sources import read
from spmvbench.share.source import beside

__all__ = ["NAME", "write_report"]

NAME = "report.html"


def write_report(results: Sequence[Path], out: Path | None = None) -> Path:
    """Write the report of results folders, or bundles, and give its path.

    Without `out` it is `report.html` in the first of them, or `BUNDLE-report.html` beside it.
    Raises: ResultsError for what cannot be read or written.
    """
    path = out or beside(results[0], NAME)
    write(path, page(read(results)))
    return path
