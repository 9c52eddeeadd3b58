"""The commands: each is a call into a module below; nothing heavy is imported before its use."""

from __future__ import annotations

import sys

import typer

from spmvbench.cli import checkpoints, measuring, reading  # noqa: F401  each adds its commands
from spmvbench.cli.app import app
from spmvbench.errors import UserError

__all__ = ["app", "main"]


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
