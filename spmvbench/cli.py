"""The commands: each is a call into a module below; nothing heavy is imported before its use."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from spmvbench import __version__
from spmvbench.errors import UserError

app = typer.Typer(
    name="spmvbench",
    help="Which sparse format multiplies your pruned weights fastest, on your device?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # the boxes cost 0.2 s of every --help
    context_settings={"max_content_width": 100},
)

Device = Annotated[str, typer.Option(help="auto, cpu or cuda")]
Out = Annotated[Path, typer.Option(metavar="DIR", help="the folder that all results go below")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="change a key, as timing.budget_s=0.2"),
]
Only = Annotated[
    list[str] | None, typer.Option(metavar="FORMAT", help="measure only these of its formats")
]
Skip = Annotated[list[str] | None, typer.Option(metavar="FORMAT", help="leave these out")]


class TableForm(StrEnum):
    """How a table is printed."""

    table = "table"
    md = "md"


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"spmvbench {__version__}")
        raise typer.Exit


@contextmanager
def _stoppable() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("stopped; the same command goes on where this one ended", err=True)
        raise typer.Exit(130) from None


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


@app.command()
def run(
    experiment: Annotated[str, typer.Argument(help="a YAML file, or the name of a shipped one")],
    device: Device = "auto",
    out: Out = Path("results"),
    set_: Set = None,
    only: Only = None,
    skip: Skip = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="list the cases, their bytes and the likely time")
    ] = False,
    retry: Annotated[
        bool,
        typer.Option(
            "--retry",
            help="measure again what crashed, hung, failed or ran out of memory "
            "(right, wrong and unavailable stay)",
        ),
    ] = False,
) -> None:
    """Measure what an experiment's results do not have yet, draw it, sum it up.

    Each row is saved as it is measured, so stopping is safe: the same command goes on.
    """
    from spmvbench.experiment import load
    from spmvbench.sweep import Wanted, closing, preview, sweep

    loaded = load(experiment, set_ or [])
    wanted = Wanted(device, out, tuple(only or ()), tuple(skip or ()), retry)
    with _stoppable():
        if dry_run:
            preview(loaded, wanted)
        else:
            closing(sweep(loaded, wanted), loaded.targets)


@app.command()
def quick(device: Device = "auto", out: Out = Path("results")) -> None:
    """Answer in two minutes: 3 shapes x 4 densities, one sentence, one table."""
    from spmvbench.experiment import load
    from spmvbench.sweep import Wanted, answer, sweep

    with _stoppable():
        answer(sweep(load("quick"), Wanted(device, out)))


@app.command()
def plot(
    results: Annotated[
        list[Path] | None, typer.Argument(help="results folders or records.csv files")
    ] = None,
) -> None:
    """Draw the figures of results folders, PNG and SVG, into their plots/."""
    from spmvbench.sweep import draw_all

    draw_all(results or [Path("results")])


@app.command()
def targets(
    results: Annotated[
        list[Path] | None, typer.Argument(help="results folders or records.csv files")
    ] = None,
    format_: Annotated[
        TableForm, typer.Option("--format", help="table, or md: Markdown to paste")
    ] = TableForm.table,
) -> None:
    """Judge results by the targets of their experiment; exit code 1: not all are met.

    Measures nothing: the raw samples beside the rows are compared.
    """
    from spmvbench.sweep import judge_all

    met = judge_all(results or [Path("results")], markdown=format_ is TableForm.md)
    raise typer.Exit(0 if met else 1)


@app.command("list")
def list_formats() -> None:
    """Show formats x devices: available, or why not and how to get it."""
    from spmvbench.listing import show

    show()


@app.command()
def check(
    formats: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FORMAT]...", help="names, package.module:Class, file.py:Class"),
    ] = None,
    device: Device = "auto",
) -> None:
    """Judge formats (default: all) by the battery; exit code 1: one is wrong."""
    from spmvbench.judging import judge_all

    raise typer.Exit(0 if judge_all(formats or [], device) else 1)


@app.command()
def schema() -> None:
    """Print the JSON Schema of experiment files, for editors."""
    import json

    from spmvbench.experiment import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


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
