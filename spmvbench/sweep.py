"""An experiment from its file to its results folder, its figures and its closing table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spmvbench.case import Case
from spmvbench.errors import ExperimentError, UserError, did_you_mean
from spmvbench.experiment import Experiment
from spmvbench.predict import seconds
from spmvbench.process import WorkerProcess
from spmvbench.records import CSV, EXPERIMENT, Results, load, write
from spmvbench.runner import Plan, Runner, plan
from spmvbench.screen import Screen


@dataclass(frozen=True)
class Wanted:
    """What the command line asked for besides the experiment."""

    device: str = "auto"
    out: Path = Path("results")
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    retry: bool = False


def sweep(experiment: Experiment, wanted: Wanted) -> Path:
    """Measure what the results folder does not have yet; the folder.

    Raises: UserError for what the user can mend; KeyboardInterrupt passes, with all rows saved.
    """
    start = _starter(experiment, wanted)
    worker = start()
    screen = Screen()
    try:
        hello = worker.hello
        folder = wanted.out / experiment.name / str(hello["slug"])
        cases = _cases(experiment, wanted, hello)
        with Results(folder) as results:
            entry = hello["environment"]
            todo = plan(cases, results.rows, results.environments, entry, retry=wanted.retry)
            write(folder / EXPERIMENT, experiment.canonical)
            screen.begin(experiment, hello, results, todo)
            runner = Runner(results, worker, start, screen.row)
            try:
                _measure(runner, todo, screen)
            finally:
                runner.close()
    finally:
        worker.stop()
        screen.end()
    return folder


def _measure(runner: Runner, todo: Plan, screen: Screen) -> None:
    for case in todo.cases:
        screen.case(case)
        runner.measure(case)
        screen.done(case)


def _starter(experiment: Experiment, wanted: Wanted) -> Callable[[], WorkerProcess]:
    outside = [name for name in experiment.formats if ":" in name]
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
    cases = experiment.cases(str(hello["kind"]), int(str(hello["cores"])))
    chosen = [replace(c, formats=_chosen(c.formats, wanted)) for c in cases]
    return [case for case in chosen if case.formats]


def _chosen(formats: Sequence[str], wanted: Wanted) -> tuple[str, ...]:
    return tuple(
        n for n in formats if (not wanted.only or n in wanted.only) and n not in wanted.skip
    )


def preview(experiment: Experiment, wanted: Wanted) -> None:
    """List the cases with the bytes of each format, and the likely time; measure nothing."""
    worker = _starter(experiment, wanted)()
    try:
        cases = _cases(experiment, wanted, worker.hello)
        screen = Screen()
        for case in cases:
            job = {"do": "predict", "case": case.to_json()}
            for said in worker.ask(job, timeout_s=case.timing.timeout_s):
                screen.preview(case, said["bytes"])
        screen.total(len(cases), sum(map(seconds, cases)))
    finally:
        worker.stop()


def closing(folder: Path) -> None:
    """Draw the figures and print the table that a run ends with."""
    from rich.console import Console

    from spmvbench.summary import closing_table

    console = Console()
    drawn = _draw(folder)
    closing_table(load([folder]), console)
    console.print(f"\nrows     {folder / CSV}", highlight=False, soft_wrap=True)
    for path in drawn:
        if path.suffix == ".png":
            console.print(f"picture  {path}", highlight=False, soft_wrap=True)


def answer(folder: Path) -> None:
    """Print the one sentence and the table of a quick run."""
    import typer

    from spmvbench.summary import markdown, sentence

    records = load([folder])
    _draw(folder)
    typer.echo(f"\n{sentence(records)}\n\n{markdown(records)}")


def draw_all(paths: Sequence[Path]) -> None:
    """Draw the figures of every results folder at or below the paths."""
    import typer

    folders = sorted({csv.parent for path in paths for csv in _found(path)})
    for folder in folders:
        for path in _draw(folder):
            typer.echo(path)


def _found(path: Path) -> list[Path]:
    found = [path] if path.is_file() else sorted(path.rglob(CSV))
    if not found:
        raise UserError(f"{path}: no {CSV} there or below; 'spmvbench run' makes one")
    return found


def _draw(folder: Path) -> list[Path]:
    """The files drawn. Where nothing was timed there is nothing to draw, which is no mistake."""
    from spmvbench.plots import draw

    records = load([folder])
    return draw(records, folder / "plots") if records["median_us"].notna().any() else []
