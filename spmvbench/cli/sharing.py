"""Commands for results that others are to have: suites, bundle, verify, cite, merge, export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spmvbench.cli.app import ManyResults, OneResult, app
from spmvbench.ending import then, wrote

SHOWN = 20
"""Complaints and conflicts printed."""


@app.command("suites")
def list_suites() -> None:
    """Show the frozen suites of problems, with their hash."""
    from spmvbench.suites import names, suite

    for found in map(suite, names()):
        typer.echo(
            f"{found.pinned}  {len(found.keys)} problems "
            f"({len(found.shapes)} shapes, {len(found.densities)} densities)\n"
            f"  {found.description}\n"
            f"  spmvbench run suite:{found.name}"
        )


@app.command()
def bundle(
    results: OneResult = Path("results"),
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="the bundle  [default: EXPERIMENT-DEVICE.zip, here]"),
    ] = None,
) -> None:
    """Put results into one file to hand on.

    The same results are the same bytes. What `verify` would complain about is not bundled; results
    of several places are joined by `merge` first.
    """
    from spmvbench.share.bundle import bundle
    from spmvbench.share.source import opened

    with opened(results) as top:
        path = bundle(top, out)
    typer.echo(wrote(path))
    typer.echo(then("cite", path))


@app.command()
def verify(results: ManyResults = None) -> None:
    """Check that results hold together: hashes, columns, samples.

    Exit code 0: all is right; 1: something is off.
    """
    paths = results or [Path("results")]
    right = [_verified(path, f"{path}: " if len(paths) > 1 else "") for path in paths]
    raise typer.Exit(0 if all(right) else 1)


def _verified(path: Path, before: str) -> bool:
    """Whether results hold together, said in lines that begin with `before`."""
    from spmvbench.share.folders import folders
    from spmvbench.share.source import opened
    from spmvbench.share.verify import complaints, summary

    with opened(path) as top:
        found = folders(top)
        wrong = complaints(top, found)
        _echo([f"{before}{line}" for line in wrong or [f"right: {summary(found)}"]])
    return not wrong


@app.command()
def cite(results: OneResult = Path("results")) -> None:
    """Print how to cite results: BibTeX, and one plain line."""
    from spmvbench.share.cite import cite
    from spmvbench.share.source import opened

    with opened(results) as top:
        typer.echo(cite(top))


@app.command()
def merge(
    results: Annotated[
        list[Path],
        typer.Argument(metavar="RESULTS", help="results folders, trees of them, or bundles"),
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="a new folder, or one that merge has written")
    ],
) -> None:
    """Join results of several machines or jobs.

    The newest row of each case and device counts. Samples and environments come along. Rows of one
    case and device that were measured under other conditions are named.
    """
    from spmvbench.share.merge import merge

    made = merge(results, out)
    if made.superseded:
        typer.echo(f"{made.superseded} older rows of the same cases left out")
    _echo([f"conflict: {one}" for one in made.conflicts])
    for name, rows in made.rows.items():
        typer.echo(wrote(out / name, f"{rows} rows"))
    typer.echo(then("verify", out))


@app.command()
def export(
    results: ManyResults = None,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="write a CSV table; - prints it")
    ] = None,
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="write JSON; - prints it")
    ] = None,
) -> None:
    """Write the rows that count as CSV or JSON."""
    from spmvbench.errors import ResultsError
    from spmvbench.records import write
    from spmvbench.share.export import to_csv, to_json

    if (csv is None) == (json is None):
        raise ResultsError("export: expected either --csv FILE or --json FILE; '-' prints")
    paths = results or [Path("results")]
    text = to_csv(paths) if csv else to_json(paths)
    path = csv or json or Path()
    if str(path) == "-":
        typer.echo(text, nl=False)
    else:
        write(path, text)
        typer.echo(wrote(path))


def _echo(lines: list[str]) -> None:
    for line in lines[:SHOWN]:
        typer.echo(line)
    if len(lines) > SHOWN:
        typer.echo(f"and {len(lines) - SHOWN} more")
