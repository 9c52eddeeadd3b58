"""Commands that measure: run, quick; and what there is to measure: list, schema."""

from __future__ import annotations

from pathlib import Path

import typer

from spmvbench.cli.app import Device, Experiment, Only, Out, Set, Skip, app, each, stoppable
from spmvbench.cli.durations import seconds
from spmvbench.cli.of_run import CASES_LEFT, DryRun, Launches, Limit, Retry, Share


@app.command()
def run(
    experiment: Experiment,
    device: Device = "auto",
    out: Out = Path("results"),
    set_: Set = None,
    only: Only = None,
    skip: Skip = None,
    dry_run: DryRun = False,
    launches: Launches = 1,
    retry: Retry = False,
    limit: Limit = None,
    shard: Share = "1/1",
) -> None:
    """Measure what is not measured yet, draw it, sum it up.

    Each row is saved as it is measured, so stopping is safe: the same command goes on. Exit code 0
    also where a format is wrong or crashes: that costs its own row, and is named at the end.
    """
    from spmvbench.experiment import load
    from spmvbench.shard import parse
    from spmvbench.sweep import Wanted, closing, preview, sweep

    loaded = load(experiment, set_ or [])
    wanted = Wanted(
        device,
        out,
        each(only),
        each(skip),
        retry,
        limit_s=None if limit is None else seconds(limit, "--limit"),
        launches=launches,
        shard=parse(shard),
    )
    with stoppable():
        if dry_run:
            preview(loaded, wanted)
            return
        swept = sweep(loaded, wanted)
        closing(swept, loaded.targets)
    raise typer.Exit(CASES_LEFT if swept.left else 0)


@app.command()
def quick(device: Device = "auto", out: Out = Path("results")) -> None:
    """Answer in two minutes: one sentence, and a table to paste.

    Measures 3 shapes at 4 densities.
    """
    from spmvbench.experiment import load
    from spmvbench.sweep import Wanted, answer, sweep

    with stoppable():
        answer(sweep(load("quick"), Wanted(device, out)))


@app.command("list")
def list_formats() -> None:
    """Show the formats on each device: available, or why not."""
    from spmvbench.listing import show

    show()


@app.command()
def schema() -> None:
    """Print the JSON Schema of experiment files, for editors."""
    import json

    from spmvbench.experiment import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))
