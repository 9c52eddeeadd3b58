"""From a question about a model to its answer: measure what no record says yet."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from spmvbench.advice.answer import QUANTISED, Answer, answer
from spmvbench.case import Case, Timing
from spmvbench.checkpoint.kinds import Question
from spmvbench.errors import ResultsError
from spmvbench.formats import names, resolve
from spmvbench.plan import plan
from spmvbench.predict import seconds
from spmvbench.process import WorkerProcess
from spmvbench.record import Record
from spmvbench.records import CSV, Results, environments
from spmvbench.runner import Runner
from spmvbench.table import read

EXPERIMENT = "advise"
_CACHE = "cold"


@dataclass(frozen=True)
class Advice:
    """An answer, and the results folder with the rows that were measured for it."""

    answer: Answer
    folder: Path


def advise(question: Question, device: str, out: Path, timing: Timing | None = None) -> Advice:
    """Measure what no row below `out` has for this device and source, and add it up.

    Raises: UserError; KeyboardInterrupt passes, with all rows saved.
    """
    outside = [question.source] if question.source else []

    def start() -> WorkerProcess:
        return WorkerProcess(device, outside)

    worker, console = start(), Console(stderr=True)
    try:
        hello = worker.hello
        folder = out / EXPERIMENT / str(hello["slug"])
        cases = _cases(question, hello, timing or Timing())
        with Results(folder) as results:
            rows, known = _others(out, folder)
            entry = hello["environment"]
            past = {**known, **results.environments}
            todo = plan(cases, [*rows, *results.rows], past, entry)
            _announce(console, todo.cases, cases, entry)
            runner = Runner(results, worker, start, lambda record: _said(console, record))
            try:
                for number, case in enumerate(todo.cases, 1):
                    _say(console, f"[{number}/{len(todo.cases)}] {case.label}")
                    runner.measure(case)
            finally:
                runner.close()
            newest = {row.case: row for row in [*rows, *results.rows]}
    finally:
        worker.stop()
    asked = [newest[i] for i in _identities(cases) if i in newest]
    return Advice(answer(question.model, str(hello["slug"]), asked), folder)


def _cases(question: Question, hello: dict[str, Any], timing: Timing) -> list[Case]:
    kind = str(hello["kind"])
    threads = int(hello["cores"]) if kind == "cpu" else 1
    return [
        Case(EXPERIMENT, problem, _contestants(kind, problem.dtype), _CACHE, threads, timing)
        for problem in question.problems
    ]


def _contestants(kind: str, dtype: str) -> tuple[str, ...]:
    """Every lossless format that stores the weights in their own precision, int8 and int4."""
    return tuple(name for name in sorted(names()) if _competes(name, kind, dtype))


def _competes(name: str, kind: str, dtype: str) -> bool:
    fmt = resolve(name)
    if fmt.unavailable(kind) or name == "auto":  # auto is one of the others
        return False
    if not fmt.lossless:
        return name in QUANTISED.values()
    return fmt.precision(dtype, kind).values == dtype


def _others(out: Path, folder: Path) -> tuple[list[Record], dict[str, Any]]:
    """Rows of this device that other experiments measured, and their environments."""
    rows: list[Record] = []
    known: dict[str, Any] = {}
    for file in sorted(out.glob(f"*/{folder.name}/{CSV}")):
        if file.parent != folder:
            with suppress(ResultsError):  # of another version, or being written
                known |= environments(file.parent)
                rows += read(file)
    return rows, known


def _identities(cases: Sequence[Case]) -> list[tuple[str, str, int, str]]:
    return [(c.problem.key, c.cache, c.threads, name) for c in cases for name in c.formats]


def _announce(
    console: Console, todo: Sequence[Case], cases: Sequence[Case], entry: dict[str, Any]
) -> None:
    minutes = sum(map(seconds, todo)) / 60
    _say(
        console,
        f"{len(cases)} matrices on {entry['device']}; {len(cases) - len(todo)} are measured "
        f"already, {len(todo)} to go" + (f": about {max(1, round(minutes))} min" if todo else ""),
    )


def _said(console: Console, record: Record) -> None:
    if record.status not in ("ok", "unavailable"):
        _say(console, f"{record.format}: {record.status}: {record.reason}")


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)
