"""Commands that read results and measure nothing: plot, targets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spmvbench.cli.app import ManyResults, TableForm, app


@app.command()
def plot(
    results: ManyResults = None,
    everything: Annotated[
        bool, typer.Option("--all", help="draw all figures of all conditions, however many")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="where to draw  [default: plots/ in each folder; BUNDLE-plots/ beside a bundle]",
        ),
    ] = None,
) -> None:
    """Draw the figures of results again: PNG and SVG.

    Of thousands of rows: of the largest condition all, of some others the speed-ups.
    """
    from spmvbench.drawing import draw_all

    draw_all(results or [Path("results")], out, everything=everything)


@app.command()
def targets(
    results: ManyResults = None,
    format_: Annotated[
        TableForm,
        typer.Option("--format", metavar="FORM", help="text, or md (Markdown to paste)"),
    ] = TableForm.text,
) -> None:
    """Judge results by the targets of their experiment.

    Measures nothing: the raw samples beside the rows are compared.

    Exit code 0: all are met; 1: not all are.
    """
    from spmvbench.sweep import judge_all

    met = judge_all(results or [Path("results")], markdown=format_ is TableForm.md)
    raise typer.Exit(0 if met else 1)
