"""From cases to a results folder: what is measured stays measured, one bad format costs one row."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from spmvbench.assemble import blank, failed
from spmvbench.case import Case
from spmvbench.environment import environment_id, same_source
from spmvbench.prepare import Failure
from spmvbench.process import Lost, WorkerProcess
from spmvbench.record import Record
from spmvbench.records import Results

RETRIED = ("crashed", "timeout", "oom", "error")
"""Statuses that `--retry` measures again: right, wrong and unavailable stay."""

Identity = tuple[str, str, int, str]


@dataclass(frozen=True)
class Plan:
    """What is left to measure, and what is not and why."""

    cases: list[Case]
    done: int
    outdated: int


def plan(
    cases: Iterable[Case],
    rows: Sequence[Record],
    environments: dict[str, dict[str, object]],
    current: dict[str, object],
    *,
    retry: bool = False,
) -> Plan:
    """Leave out what is measured: same problem, condition, protocol, source and device model.

    A row that was unavailable in another environment is tried again: a library may have come.
    """
    newest: dict[Identity, Record] = {row.case: row for row in rows}
    here = environment_id(current)

    def fresh(row: Record) -> bool:
        entry = environments.get(row.environment, {})
        return same_source(entry, current, row.format)

    def done(case: Case, row: Record | None) -> bool:
        if row is None or row.protocol != case.timing.protocol or not fresh(row):
            return False
        if row.status == "unavailable":
            return row.environment == here
        return not (retry and row.status in RETRIED)

    left, count, outdated = [], 0, 0
    for case in cases:
        found = {
            n: newest.get((case.problem.key, case.cache, case.threads, n)) for n in case.formats
        }
        kept = {n: row for n, row in found.items() if row and done(case, row)}
        count += len(kept)
        outdated += sum(
            row is not None and n not in kept and not fresh(row) for n, row in found.items()
        )
        missing = tuple(n for n in case.formats if n not in kept)
        anchors = tuple(n for n, row in kept.items() if row.dense and row.status == "ok")
        if missing:
            left.append(replace(case, formats=missing, anchors=anchors))
    return Plan(left, count, outdated)


class Runner:
    """Measures cases one after the other in a worker that is replaced when it dies."""

    def __init__(
        self,
        results: Results,
        worker: WorkerProcess,
        start: Callable[[], WorkerProcess],
        on_record: Callable[[Record], None],
    ) -> None:
        """`start` makes a worker like the one given; `on_record` sees each row once it is saved."""
        self._results, self._start, self._on_record = results, start, on_record
        self._worker: WorkerProcess | None = worker
        self._device = str(worker.hello["slug"])
        self._timer = str(worker.hello["timer"])
        entry = worker.hello["environment"]
        self._environment = environment_id(entry)
        results.note_environment(self._environment, entry)

    def measure(self, case: Case) -> None:
        """Save one row per format of the case."""
        while case.formats:
            saved: list[Record] = []
            try:
                for record, samples in self._ask(case):
                    saved.append(self._save(record, samples))
                return
            except Lost as lost:
                self._worker = None
                names = [r.format for r in saved]
                left = replace(case, formats=tuple(n for n in case.formats if n not in names))
                bad = self._blame(left, case, lost)
                for name, failure in bad.items():
                    if name in left.formats:
                        self._save(failed(self._blank(case, name), failure), b"")
                anchors = (
                    *case.anchors,
                    *(r.format for r in saved if r.dense and r.status == "ok"),
                )
                case = replace(
                    left,
                    formats=tuple(n for n in left.formats if n not in bad),
                    anchors=tuple(n for n in anchors if n not in bad),
                )

    def close(self) -> None:
        """Stop the worker."""
        if self._worker:
            self._worker.stop()
            self._worker = None

    def _ask(self, case: Case) -> Iterable[tuple[Record, bytes]]:
        if self._worker is None:
            self._worker = self._start()
        job = {"do": "measure", "case": case.to_json()}
        for answer in self._worker.ask(job, timeout_s=case.timing.timeout_s):
            yield Record(**answer["record"]), base64.b64decode(answer["samples"])

    def _save(self, record: Record, samples: bytes) -> Record:
        record = self._results.append(replace(record, environment=self._environment), samples)
        self._on_record(record)
        return record

    def _blank(self, case: Case, name: str) -> Record:
        return blank(case, name, device=self._device, timer=self._timer)

    def _blame(self, left: Case, case: Case, lost: Lost) -> dict[str, Failure]:
        """Which formats the worker was lost to.

        A hang is its own proof. A crash may come from memory that another format has overwritten,
        so each format is run alone, checked but not timed; when all survive, it was the last one.
        """
        names = (*case.formats, *case.anchors)
        suspects = [names[lost.step.format]] if lost.step.format >= 0 else list(left.formats)
        if lost.step.stage in ("idle", "problem"):
            return {n: Failure("error", lost.why) for n in left.formats}
        if lost.hung:
            return {n: Failure("timeout", lost.why) for n in suspects}
        status = "oom" if lost.memory else "crashed"
        alone = {n: self._alone(case, n) for n in (*left.formats, *case.anchors)}
        found = {n: Failure(status, why) for n, why in alone.items() if why}
        why = f"{lost.why} (not when it runs alone)"
        return found or {n: Failure(status, why) for n in suspects}

    def _alone(self, case: Case, name: str) -> str | None:
        """Why a worker of its own is lost to that format; None when it is not."""
        try:
            for _ in self._ask(replace(case, formats=(name,), anchors=(), timed=False)):
                pass
        except Lost as lost:
            self._worker = None
            return lost.why
        return None
