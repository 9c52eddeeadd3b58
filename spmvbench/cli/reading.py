"""Commands that read results and measure nothing: plot, targets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spmvbench.cli.app import TableForm, app


@app.command()
def plot(
    results: Annotated[
        list[Path] | None, typer.Argument(help="results folders or records.csv files")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="draw all figures of all conditions, however many")
    ] = False,
) -> None:
    """Draw the figures of results folders, PNG and SVG, into their plots/.

    Of thousands of rows: of the largest condition all, of some others the speed-ups.
    """
    from spmvbench.drawing import draw_all

    draw_all(results or [Path("results")], everything=everything)


@app.command()
def targets(
    results: Annotated[
        list[Path] | None, typer.Argument(help="results folders or records.csv files")
    ] = None,
    format_: Annotated[
        TableForm, typer.Option("--format", help="table, or md: Markdown to paste")
    ] = TableForm.table,
) -> None:
    """Judge results by the targets of their experiment; exit code 1: not all are met.

    Measures nothing: the raw samples beside the rows are compared.
    """
    from spmvbench.sweep import judge_all

    met = judge_all(results or [Path("results")], markdown=format_ is TableForm.md)
    raise typer.Exit(0 if met else 1)
