"""The command that compares results: measures nothing."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spmvbench.cli.app import app
from spmvbench.errors import UserError

if TYPE_CHECKING:
    from spmvbench.compare import Comparison


class Form(StrEnum):
    """How a comparison is printed: `compare.FORMS`."""

    text = "text"
    md = "md"
    json = "json"
    github = "github"
    benchmark_action = "benchmark-action"


FailOn = Annotated[
    str, typer.Option(metavar="slower=SHARE", help="what fails: slower=3% or slower=0.03")
]
Printed = Annotated[
    Form,
    typer.Option(
        "--format",
        metavar="FORM",
        help="text, md, json, github or benchmark-action; the last two are for workflows on GitHub",
    ),
]
BaseStarts = Annotated[
    list[Path] | None,
    typer.Option(metavar="RESULTS", help="one more process start of BASE; may be repeated"),
]
NewStarts = Annotated[
    list[Path] | None,
    typer.Option(metavar="RESULTS", help="one more process start of NEW; may be repeated"),
]


@app.command()
def compare(
    results: Annotated[
        list[Path] | None,
        typer.Argument(metavar="BASE NEW", help="results folders, trees of them, or bundles"),
    ] = None,
    base: BaseStarts = None,
    new: NewStarts = None,
    fail_on: FailOn = "slower=3%",
    absolute_us: Annotated[
        float,
        typer.Option(
            metavar="MICROSECONDS", min=0, help="what is slower by no more than this does not fail"
        ),
    ] = 1.0,
    confidence: Annotated[
        float,
        typer.Option(
            metavar="SHARE", min=0.5, max=0.9999, help="confidence of all intervals together"
        ),
    ] = 0.95,
    across_machines: Annotated[
        bool,
        typer.Option("--across-machines", help="compare speed-ups instead of times"),
    ] = False,
    format_: Printed = Form.text,
) -> None:
    """Say whether NEW is slower than BASE, if that can be known.

    Exit code 0: nothing is worse; 1: something is; 2: a mistake; 3: the two are not comparable.
    """
    from spmvbench.compare import Options, exit_code, read_side
    from spmvbench.compare import compare as compared

    old, young = _sides(results or [], base or [], new or [])
    options = Options(share(fail_on), absolute_us, confidence, across_machines)
    found = compared(read_side(old), read_side(young), options)
    show(found, format_)
    raise typer.Exit(exit_code(found))


def show(comparison: Comparison, form: Form) -> None:
    """Print it; text as wide as the terminal is."""
    from spmvbench.compare import render, show_text

    if form is Form.text:
        from rich.console import Console

        show_text(comparison, Console())
    else:
        typer.echo(render(comparison, form.value))


def _sides(results: list[Path], base: list[Path], new: list[Path]) -> tuple[list[Path], list[Path]]:
    """The folders of both sides: two in order, further ones by name."""
    if len(results) not in (0, 2) or not (results or base and new):
        raise UserError(
            "compare: name two results folders or bundles, BASE NEW; or each process start of "
            "both, --base RESULTS --base RESULTS --new RESULTS --new RESULTS"
        )
    return [*results[:1], *base], [*results[1:], *new]


def share(text: str) -> float:
    """0.03 of `slower=3%` or `slower=0.03`."""
    name, _, value = text.partition("=")
    number = value.strip().removesuffix("%")
    try:
        share = float(number) / (100 if value.strip().endswith("%") else 1)
    except ValueError:
        share = -1.0
    if name.strip() != "slower" or not 0 <= share < 1:
        raise UserError(
            f"--fail-on {text}: expected slower=SHARE below 1, as slower=3% or slower=0.03"
        )
    return share
