"""The command that sets results beside what was published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spmvbench.cli.app import ManyResults, TableForm, app


@app.command()
def published(
    results: ManyResults = None,
    format_: Annotated[
        TableForm,
        typer.Option("--format", metavar="FORM", help="text, or md (Markdown to paste)"),
    ] = TableForm.text,
) -> None:
    """Set results beside the claims of MACKO's authors.

    Each is reproduced, refuted or not comparable. Measures nothing. Another GPU, or a rival that
    is missing, refutes nothing.
    """
    from spmvbench.published import show_all

    show_all(results or [Path("results")], markdown=format_ is TableForm.md)
