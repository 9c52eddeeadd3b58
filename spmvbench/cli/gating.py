"""Commands that judge a change: gate."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spmvbench.cli.app import Device, Experiment, Only, Set, Skip, app, each
from spmvbench.cli.comparing import FailOn, Form, Printed, share, show
from spmvbench.cli.durations import seconds
from spmvbench.ending import wrote

if TYPE_CHECKING:
    from spmvbench.compare import Comparison, Options
    from spmvbench.gate import Request

Base = Annotated[
    str, typer.Argument(metavar="REV_A", help="the old revision, which is compared with")
]
New = Annotated[str, typer.Argument(metavar="REV_B", help="the new revision, which is judged")]
Budget = Annotated[
    str, typer.Option(metavar="TIME", help="time for all launches, as 90, 90s, 3m, 1h")
]
Repo = Annotated[Path, typer.Option(metavar="DIR", help="the repository that has both revisions")]
Build = Annotated[
    str, typer.Option(metavar="CMD", help="a command to run at the top of each revision first")
]
Kept = Annotated[Path | None, typer.Option(metavar="DIR", help="keep all results in a new folder")]


@app.command()
def gate(
    base: Base,
    new: New,
    experiment: Experiment,
    budget: Budget = "180s",
    repo: Repo = Path(),
    build: Build = "",
    fail_on: FailOn = "slower=3%",
    out: Kept = None,
    format_: Printed = Form.text,
    device: Device = "auto",
    set_: Set = None,
    only: Only = None,
    skip: Skip = None,
) -> None:
    """Measure two revisions in turn: is REV_B slower?

    A revision is a commit, branch or tag; WORKTREE (or .) is the working tree as it is, new files
    included. What looks slower is launched afresh before it is called so.

    Exit code 0: nothing is worse; 1: something is; 2: a mistake; 3: the two are not comparable.
    """
    from spmvbench.compare import Options, exit_code
    from spmvbench.gate import Request

    options = Options(share(fail_on))
    words = [tuple(set_ or ()), each(only), each(skip)]
    budget_s = seconds(budget, "--budget")
    found = _gate(
        Request(repo, base, new, experiment, budget_s, build, out, device, *words), options
    )
    show(found, format_)
    if out:
        typer.echo(wrote(out), err=True)  # standard output may be JSON
    raise typer.Exit(exit_code(found))


def _gate(request: Request, options: Options) -> Comparison:
    """The comparison; Ctrl-C is one line and exit code 130, and so is being told to end."""
    from spmvbench.gate import gate as gated

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        return gated(request, options, lambda line: typer.echo(line, err=True))
    except KeyboardInterrupt:
        typer.echo("stopped; both checkouts are removed", err=True)
        raise typer.Exit(130) from None
    finally:
        signal.signal(signal.SIGTERM, before)
