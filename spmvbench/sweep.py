"""An experiment from its file to its results folder, its figures and its closing table."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from spmvbench.case import Case
from spmvbench.claim import Targets
from spmvbench.drawing import PLOTS, UNSEEN, draw_rows
from spmvbench.ending import then, wrote
from spmvbench.errors import ExperimentError, ResultsError, did_you_mean
from spmvbench.experiment import Experiment, stored_targets
from spmvbench.external.program import PREFIX
from spmvbench.plan import Identity, Plan, plan
from spmvbench.predict import seconds
from spmvbench.preview import Foreseen, show_preview
from spmvbench.process import Lost, WorkerProcess
from spmvbench.records import CSV, EXPERIMENT, Results, environments, load, write
from spmvbench.runner import Runner
from spmvbench.screen import Screen, opening
from spmvbench.shard import Shard
from spmvbench.share.folders import all_opened

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 6
"""Pictures named at the end of a run."""


@dataclass(frozen=True)
class Wanted:
    """What the command line asked for besides the experiment."""

    device: str = "auto"
    out: Path = Path("results")
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    retry: bool = False
    limit_s: float | None = None
    launches: int = 1
    shard: Shard = Shard(1, 1)


@dataclass(frozen=True)
class Swept:
    """A results folder, and which of its rows the experiment asks for.

    `left`: cases for which the time did not suffice.
    """

    folder: Path
    rows: frozenset[Identity]
    left: int = 0

    def records(self) -> pd.DataFrame:
        """Those rows: the folder may hold others, of other settings."""
        frame = load([self.folder])
        identities = zip(
            frame["key"], frame["cache"], frame["threads"], frame["format"], strict=True
        )
        return frame[[identity in self.rows for identity in identities]].reset_index(drop=True)


def sweep(experiment: Experiment, wanted: Wanted) -> Swept:
    """Measure what the results folder does not have yet.

    Raises: UserError for what the user can mend; KeyboardInterrupt passes, with all rows saved.
    """
    start = _starter(experiment, wanted)
    worker = start()
    screen = Screen(wanted.launches)
    try:
        hello = worker.hello
        folder = wanted.out / experiment.name / str(hello["slug"])
        cases = _cases(experiment, wanted, hello)
        with Results(folder) as results:
            entry = hello["environment"]
            todo = plan(
                cases,
                results.rows,
                results.environments,
                entry,
                retry=wanted.retry,
                launches=wanted.launches,
                chosen=_chosen(wanted),
            )
            write(folder / EXPERIMENT, experiment.canonical)
            screen.begin(experiment, hello, results, todo)
            runner = Runner(results, worker, start, screen.row, wanted.launches)
            try:
                left = _measure(runner, todo, screen, wanted.limit_s)
            finally:
                runner.close()
    finally:
        worker.stop()
        screen.end()
    asked = {(c.problem.key, c.cache, c.threads, name) for c in cases for name in c.formats}
    return Swept(folder, frozenset(asked), left)


def _measure(runner: Runner, todo: Plan, screen: Screen, limit_s: float | None) -> int:
    """Measure case by case, none but the first begun after `limit_s`; gives how many are left."""
    begun = time.monotonic()
    for number, case in enumerate(todo.cases):
        if number and limit_s is not None and time.monotonic() - begun >= limit_s:
            return len(todo.cases) - number
        screen.case(case)
        runner.measure(case)
        screen.done(case)
    return 0


def _starter(experiment: Experiment, wanted: Wanted) -> Callable[[], WorkerProcess]:
    stamps = {f"{PREFIX}{one.name}": f"={one.stamp}" for one in experiment.programs}
    outside = [name + stamps.get(name, "") for name in experiment.formats if ":" in name]
    outside += [experiment.source] if experiment.source else []
    return lambda: WorkerProcess(wanted.device, outside)


def _cases(experiment: Experiment, wanted: Wanted, hello: dict[str, object]) -> list[Case]:
    for name in (*wanted.only, *wanted.skip):
        if name not in experiment.formats:
            near = did_you_mean(name, experiment.formats)
            expected = " Expected" if near else "; expected"
            raise ExperimentError(
                f"{experiment.name} has no format '{name}'{near}{expected} "
                f"one of {', '.join(experiment.formats)}; add one with --set formats=[...]"
            )
    if not any(map(_chosen(wanted), experiment.formats)):
        raise ExperimentError(
            f"--only and --skip leave no format of {', '.join(experiment.formats)}; leave some"
        )
    return wanted.shard.of(experiment.cases(str(hello["kind"]), int(str(hello["cores"]))))


def _chosen(wanted: Wanted) -> Callable[[str], bool]:
    return lambda n: (not wanted.only or n in wanted.only) and n not in wanted.skip


def preview(experiment: Experiment, wanted: Wanted) -> None:
    """Print the cases with the bytes of each format, and the likely time; measure nothing."""
    from rich.console import Console

    console = Console()
    start = _starter(experiment, wanted)
    worker, chosen = start(), _chosen(wanted)
    foreseen = []
    try:
        for line in opening(experiment, worker.hello):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        with console.status("packing a few rows of each case"):
            for case in _cases(experiment, wanted, worker.hello):
                case = replace(case, formats=tuple(filter(chosen, case.formats)))
                sizes = dict[str, int | str]()
                job = {"do": "predict", "case": case.to_json()}
                try:
                    for said in worker.ask(job, timeout_s=case.timing.timeout_s):
                        sizes = said["bytes"]
                except Lost as lost:
                    worker = start()
                    sizes = dict.fromkeys(case.formats, lost.why)
                foreseen.append(Foreseen(case, sizes, wanted.launches * seconds(case)))
    finally:
        worker.stop()
    show_preview(foreseen, console)


def closing(swept: Swept, targets: Targets) -> None:
    """Draw the figures and print the tables that a run ends with."""
    from rich.console import Console

    from spmvbench.summary import closing_table
    from spmvbench.targets import judge, print_lines

    console, records = Console(), swept.records()
    drawn = [] if os.environ.get(UNSEEN) else _drawn(swept, records)
    pictures = [path for path in drawn if path.suffix == ".png"]
    closing_table(records, console)
    if targets.claims:
        lines = judge(records, targets, swept.folder)
        print_lines(lines, targets, _device(records), console)
    more = [f"and {len(pictures) - SHOWN} more beside them"] if len(pictures) > SHOWN else []
    left = f"next: the same command; cases left: {swept.left}"
    ends = [wrote(path) for path in (swept.folder / CSV, *pictures[:SHOWN])]
    ends += [*more, left if swept.left else then("report", swept.folder)]
    console.print("\n" + "\n".join(ends), highlight=False, markup=False, soft_wrap=True)


def _drawn(swept: Swept, records: pd.DataFrame) -> list[Path]:
    return draw_rows(records, environments(swept.folder), swept.folder / PLOTS)


def answer(swept: Swept) -> None:
    """Print the one sentence and the table of a quick run."""
    import typer

    from spmvbench.summary import markdown, sentence

    records = swept.records()
    _drawn(swept, records)
    typer.echo(f"\n{sentence(records)}\n\n{markdown(records)}\n\n{wrote(swept.folder)}")
    typer.echo(then("report", swept.folder))


def judge_all(paths: Sequence[Path], *, markdown: bool) -> bool:
    """Print how results folders do by the targets of their experiments; whether all are met.

    Raises: UserError where there is nothing to judge.
    """
    import typer
    from rich.console import Console

    from spmvbench.targets import PASSED, judge, print_lines, to_markdown

    lines = []
    with all_opened(paths) as folders:
        for folder in folders:
            stored = folder.path / EXPERIMENT
            targets = stored_targets(stored) if stored.is_file() else Targets()
            if targets.claims:
                records = load([folder.path / CSV])
                found = judge(records, targets, folder.path)
                if markdown:
                    typer.echo(to_markdown(found, targets, _device(records)))
                else:
                    print_lines(found, targets, _device(records), Console())
                lines += found
    if not lines:
        raise ResultsError(
            f"{', '.join(map(str, paths))}: no {EXPERIMENT} there or below has targets; "
            "add some to the experiment and run it again, which measures nothing twice"
        )
    return all(line.verdict in PASSED for line in lines)


def _device(records: pd.DataFrame) -> str:
    return str(records["device"].iloc[0])
