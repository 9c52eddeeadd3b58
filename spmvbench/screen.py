"""What a run says while it measures: a progress bar on a terminal, a line per case elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from spmvbench.case import Case
from spmvbench.clock import clock
from spmvbench.experiment import Experiment
from spmvbench.plan import Plan
from spmvbench.predict import seconds
from spmvbench.record import Record
from spmvbench.records import Results

PRIOR_S = 10.0
"""Weight of the estimate made before: the first case compiles, and would foretell too much."""


def opening(experiment: Experiment, hello: dict[str, Any]) -> list[str]:
    """What is measured on which device, and what to know before; `hello` is a worker's."""
    where = str(hello["environment"]["device"])
    where += f", {hello['cores']} cores" if hello["kind"] == "cpu" else ""
    lines = [f"{experiment.name} on {where}"]
    if why := hello["passed_over"]:
        lines.append(f"the CPU was taken although there is an NVIDIA driver: {why}")
    if left_out := experiment.left_out(str(hello["kind"])):
        lines.append(f"{left_out} shapes are larger than max_elements and left out")
    return lines


class Screen:
    """The terminal during one run. Rows that are not `ok` are said at once, with their reason."""

    def __init__(self, launches: int) -> None:
        """Nothing is shown yet; every case is measured in so many launches."""
        self._launches = launches
        self._console = Console()
        self._progress: Progress | None = None
        self._rows: list[Record] = []
        self._left_s = self._done_s = 0.0
        self._start = time.monotonic()
        self._cases = self._number = 0
        self._said: Counter[tuple[str, str]] = Counter()

    def begin(
        self, experiment: Experiment, hello: dict[str, Any], results: Results, todo: Plan
    ) -> None:
        """Say what is measured, where, and what is there already."""
        first, *more = opening(experiment, hello)
        for line in (f"{first} -> {results.folder}", *more):
            self._print(line)
        if probes := hello["probes"]:
            self._print(
                "the device reads {read_gbps:,.0f} and copies {copy_gbps:,.0f} GB/s; "
                "an empty kernel takes {floor_us:.1f} µs".format(**probes)
            )
        if results.repaired:
            self._print(f"dropped a last row that was cut off ({results.repaired} bytes)")
        if todo.done:
            self._print(f"{todo.done} rows are measured already")
        if todo.outdated:
            self._print(f"{todo.outdated} rows are from other source or another device: again")
        self._cases = len(todo.cases)
        self._left_s = sum(map(self._seconds, todo.cases))
        self._start = time.monotonic()
        if self._console.is_terminal and todo.cases:
            self._progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.fields[eta]} left"),
                console=self._console,
            )
            self._task = self._progress.add_task("", total=self._cases, eta=clock(self._left_s))
            self._progress.start()

    def case(self, case: Case) -> None:
        """A case begins."""
        self._rows = []
        self._number += 1
        if self._progress:
            self._progress.update(self._task, description=case.label)

    def row(self, record: Record) -> None:
        """A row was saved."""
        self._rows.append(record)
        if record.status == "ok":
            return
        what = (record.format, record.reason)
        self._said[what] += 1
        if self._said[what] == 1:
            self._print(f"{record.format}: {record.status}: {record.reason} ({record.key})")

    def done(self, case: Case) -> None:
        """A case is done: the estimate of what is left follows the time that it really took."""
        took = self._seconds(case)
        self._done_s += took
        self._left_s -= took
        pace = (time.monotonic() - self._start + PRIOR_S) / (self._done_s + PRIOR_S)
        eta = clock(self._left_s * pace)
        if self._progress:
            self._progress.update(self._task, advance=1, eta=eta)
            return
        times = [
            (r.median_us, r.format)
            for r in self._rows
            if r.status == "ok" and r.median_us and r.lossless
        ]
        best = "{1} {0:.0f} µs".format(*min(times)) if times else "no times"
        self._print(f"[{self._number}/{self._cases}] {case.label}: {best}, {eta} left")

    def end(self) -> None:
        """Leave the terminal as it was; say how often a failure came that was said once."""
        if self._progress:
            self._progress.stop()
        for (name, reason), times in self._said.items():
            if times > 1:
                self._print(f"{name}: the same {times} times: {reason}")

    def _seconds(self, case: Case) -> float:
        return self._launches * seconds(case)

    def _print(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)
