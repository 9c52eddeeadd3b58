"""The commands: each is a call into a module below; nothing heavy is imported before its use."""

from __future__ import annotations

import sys

import typer

from spmvbench.cli import (  # noqa: F401  each adds its commands
    adding,
    checking,
    checkpoints,
    comparing,
    doctor,
    gating,
    measuring,
    published,
    reading,
    reporting,
    sharing,
)
from spmvbench.cli.app import app
from spmvbench.errors import UserError

__all__ = ["app", "main"]

# What measures and judges comes first in --help: it is what a new user looks for.
_FIRST = (measuring.__name__, checking.__name__)
app.registered_commands.sort(
    key=lambda one: (*_FIRST, one.callback.__module__).index(one.callback.__module__)
)


def main() -> None:
    """Run the command line: a user's mistake is one line and exit code 2."""
    if sys.platform == "win32":
        typer.echo("error: Windows is not supported; use Linux, or WSL on Windows", err=True)
        sys.exit(2)
    try:
        app()
    except UserError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(2)
