"""The command that makes a page of results: report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spmvbench.cli.app import ManyResults, app
from spmvbench.ending import wrote


@app.command()
def report(
    results: ManyResults = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="the page  [default: report.html in the first of RESULTS, or BUNDLE-report.html]",
        ),
    ] = None,
) -> None:
    """Make one HTML page: answer, figures, records, provenance.

    It works offline and measures nothing; several devices stand side by side.
    """
    from spmvbench.report import write_report

    path = write_report(results or [Path("results")], out)
    typer.echo(wrote(path, f"{path.stat().st_size / 1e6:.2f} MB"))
