"""The command that judges formats: check."""

from __future__ import annotations

from typing import Annotated

import typer

from spmvbench.cli.app import Device, app
from spmvbench.cli.durations import seconds

Formats = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FORMAT",
        help="a name, package.module:Class, file.py:Class, plugin:x.so or "
        "torch-op:LAYOUT:PLACE:NAMESPACE::NAME  [default: all]",
    ),
]
Matrix = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="only this matrix; may be repeated")
]
Dtype = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="only this dtype; may be repeated")
]
Everything = Annotated[
    bool, typer.Option("--all", help="show every failure with its traceback, and all output")
]
Timeout = Annotated[
    str, typer.Option(metavar="TIME", help="longest that one pack, plan or product may take")
]
Here = Annotated[
    bool, typer.Option("--here", help="in this process, for a debugger: a crash ends it")
]


@app.command()
def check(
    formats: Formats = None,
    device: Device = "auto",
    matrix: Matrix = None,
    dtype: Dtype = None,
    everything: Everything = False,
    timeout: Timeout = "120s",
    here: Here = False,
) -> None:
    """Judge formats by a battery of matrices: are they right?

    A cell is one matrix of the battery, in one dtype, times one x or several.

    Exit code 0: all are right; 1: one is wrong; 2: one that was named could not be judged.
    """
    from spmvbench.judging import Asked, judge_all

    limit_s = seconds(timeout, "--timeout")
    asked = Asked(tuple(matrix or ()), tuple(dtype or ()), everything, limit_s, here)
    raise typer.Exit(judge_all(formats or [], device, asked))
