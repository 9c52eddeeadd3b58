"""The application, and the options that several commands have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from spmvbench import __version__

app = typer.Typer(
    name="spmvbench",
    help="Which sparse format multiplies your pruned weights fastest, on your device?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # the boxes cost 0.2 s of every --help
    context_settings={"max_content_width": 100},
)

Device = Annotated[str, typer.Option(metavar="auto|cpu|cuda", help="where to measure")]
Experiment = Annotated[
    str, typer.Argument(metavar="EXPERIMENT", help="a YAML file, a shipped name, or suite:NAME")
]
Out = Annotated[Path, typer.Option(metavar="DIR", help="the folder below which results go")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="change a key of the experiment, as timing.budget_s=0.2; may be repeated",
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FORMAT,...", help="measure only these formats of the experiment; may be repeated"
    ),
]
Skip = Annotated[
    list[str] | None, typer.Option(metavar="FORMAT,...", help="leave these out; may be repeated")
]
OneResult = Annotated[
    Path, typer.Argument(metavar="RESULTS", help="a results folder, a tree of them, or a bundle")
]
ManyResults = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="RESULTS", help="results folders, trees of them, or bundles  [default: results]"
    ),
]


def each(values: Iterable[str] | None) -> tuple[str, ...]:
    """What an option names that may be repeated, and whose words may be joined by commas."""
    words = [word.strip() for value in values or () for word in value.split(",")]
    return tuple(filter(None, words))


class TableForm(StrEnum):
    """How a table is printed."""

    text = "text"
    md = "md"


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"spmvbench {__version__}")
        raise typer.Exit


@contextmanager
def stoppable() -> Iterator[None]:
    """Turn Ctrl-C into one line and exit code 130: what is measured is saved."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("stopped; the same command goes on where this one ended", err=True)
        raise typer.Exit(130) from None


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    pass
