"""Commands for those who add a format: plugin-header."""

from __future__ import annotations

import typer

from spmvbench.cli.app import app


@app.command()
def plugin_header() -> None:
    """Print the folder of spmvbench_plugin.h, for a C compiler's -I."""
    from spmvbench.plugin import HEADER

    typer.echo(HEADER.parent)
