"""Commands that judge a change: gate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from spmvbench.cli.app import Device, Only, Set, Skip, app
from spmvbench.cli.comparing import share

Revision = Annotated[str, typer.Argument(help="a commit, branch or tag; WORKTREE: as it is now")]


@app.command()
def gate(
    base: Annotated[str, typer.Argument(metavar="REV_A", help="what is compared with")],
    new: Annotated[str, typer.Argument(metavar="REV_B", help="what is judged")],
    experiment: Annotated[str, typer.Argument(help="a YAML file, or the name of a shipped one")],
    budget: Annotated[
        str, typer.Option(metavar="TIME", help="of all launches together: 180s, 3m")
    ] = "180s",
    repo: Annotated[Path, typer.Option(metavar="DIR", help="the repository of both")] = Path(),
    build: Annotated[
        str, typer.Option(metavar="COMMAND", help="run at the top of each revision first")
    ] = "",
    fail_on: Annotated[
        str, typer.Option(metavar="slower=SHARE", help="what fails: slower=3% or slower=0.03")
    ] = "slower=3%",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="keep the results of all launches there")
    ] = None,
    format_: Annotated[
        str, typer.Option("--format", help="text, md, json, github or benchmark-action")
    ] = "text",
    device: Device = "auto",
    set_: Set = None,
    only: Only = None,
    skip: Skip = None,
) -> None:
    """Measure two revisions in turn on this machine, and say whether REV_B is slower.

    A revision is a commit, branch or tag; WORKTREE (or .) is the working tree as it is, new files
    included. What looks slower is launched afresh before it is called so.
    Exit code 0: nothing is worse; 1: something is; 2: a mistake; 3: the two are not comparable.
    """
    from spmvbench.compare import Options, check_form, exit_code, render
    from spmvbench.gate import Request, seconds
    from spmvbench.gate import gate as gated

    check_form(format_)
    request = Request(
        repo=repo,
        base=base,
        new=new,
        experiment=experiment,
        budget_s=seconds(budget),
        build=build,
        out=out,
        device=device,
        overrides=tuple(set_ or ()),
        only=tuple(only or ()),
        skip=tuple(skip or ()),
    )
    options = Options(share(fail_on))
    with _stoppable():
        found = gated(request, options, lambda line: typer.echo(line, err=True))
    typer.echo(render(found, format_))
    raise typer.Exit(exit_code(found))
