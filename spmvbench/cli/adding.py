"""Commands for those who add a format: new-format, plugin-header, new-plugin."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from spmvbench.cli.app import app
from spmvbench.ending import then, wrote


@app.command()
def new_format(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="lower-case words joined by '-', as my-format")
    ],
) -> None:
    """Write NAME.py here: a format that is right and slow."""
    from spmvbench.skeleton import class_name, write

    path = write(name, Path())
    typer.echo(wrote(path))
    typer.echo(then("check", f"{path}:{class_name(name)}"))


@app.command()
def plugin_header() -> None:
    """Print the folder of the header for kernels in C."""
    from spmvbench.plugin import HEADER

    typer.echo(HEADER.parent)


class Kind(StrEnum):
    """What an example runs on."""

    cpu = "cpu"
    cuda = "cuda"


@app.command()
def new_plugin(
    kind: Annotated[Kind, typer.Argument(help="what it runs on: C, or CUDA C++")] = Kind.cpu,
) -> None:
    """Write a whole plug-in here: csr_plain.c, or csr_plain.cu."""
    from spmvbench.skeleton import write_plugin

    path = write_plugin(kind.value, Path())
    typer.echo(wrote(path, "how to compile it stands at its top"))
