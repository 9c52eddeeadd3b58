"""Commands that look at the machine: doctor."""

from __future__ import annotations

import shutil
from enum import StrEnum
from typing import Annotated

import typer

from spmvbench.cli.app import app


class FindingsForm(StrEnum):
    """How findings are printed."""

    text = "text"
    json = "json"


@app.command()
def doctor(
    format_: Annotated[
        FindingsForm,
        typer.Option("--format", metavar="FORM", help="text, or json (for scripts)"),
    ] = FindingsForm.text,
) -> None:
    """Say what would spoil a measurement here, and what mends it.

    Changes nothing. The exit code is 0 whatever it finds; a script reads
    --format json.
    """
    from spmvbench.doctor import diagnose, here
    from spmvbench.doctor.report import as_json, as_text

    findings = diagnose(here())
    if format_ is FindingsForm.json:
        typer.echo(as_json(findings))
    else:
        typer.echo(as_text(findings, shutil.get_terminal_size().columns))
