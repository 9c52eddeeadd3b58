"""Commands that look at the machine: doctor."""

from __future__ import annotations

from typing import Annotated

import typer

from spmvbench.cli.app import app


@app.command()
def doctor(
    json_: Annotated[
        bool, typer.Option("--json", help="print all findings as JSON, for a script")
    ] = False,
) -> None:
    """Say what would spoil a measurement on this machine, and which command would mend it.

    Changes nothing. The exit code is 0 whatever it finds; a script reads --json.
    """
    from spmvbench.doctor import diagnose, here
    from spmvbench.doctor.report import as_json, as_text

    findings = diagnose(here())
    typer.echo(as_json(findings) if json_ else as_text(findings))
