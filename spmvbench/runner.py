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
    """Leave out what is measured: same problem, condition, protocol, source and device model."""
    past = _Past({row.case: row for row in rows}, environments, current, retry)
    left, done, outdated = [], 0, 0
    for case in cases:
        found = {name: row for name in case.formats if (row := past.row(case, name))}
        kept = {name: row for name, row in found.items() if past.counts(case, row)}
        done += len(kept)
        outdated += sum(not past.fresh(row) for row in found.values())
        missing = tuple(name for name in case.formats if name not in kept)
        anchors = tuple(name for name, row in kept.items() if row.dense and row.status == "ok")
        if missing:
            left.append(replace(case, formats=missing, anchors=anchors))
    return Plan(left, done, outdated)


@dataclass(frozen=True)
class _Past:
    """What a results folder holds: the newest row of each case, and where it was measured."""

    newest: dict[Identity, Record]
    environments: dict[str, dict[str, object]]
    current: dict[str, object]
    retry: bool

    def row(self, case: Case, name: str) -> Record | None:
        return self.newest.get((case.problem.key, case.cache, case.threads, name))

    def fresh(self, row: Record) -> bool:
        return same_source(self.environments.get(row.environment, {}), self.current, row.format)

    def counts(self, case: Case, row: Record) -> bool:
        """Unavailable in another environment does not count: a library may have come."""
        if row.protocol != case.timing.protocol or not self.fresh(row):
            return False
        if row.status == "unavailable":
            return row.environment == environment_id(self.current)
        return not (self.retry and row.status in RETRIED)


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
        losses = 0
        while case.formats:
            saved: list[Record] = []
            try:
                for record, samples in self._ask(case):
                    saved.append(self._save(record, samples))
                return
            except Lost as lost:
                self._worker = None
                losses += 1
                case = self._without(case, saved, lost, again=losses > 1)

    def _without(self, case: Case, saved: Sequence[Record], lost: Lost, *, again: bool) -> Case:
        """The case that is left when the worker was lost: without what is saved and the guilty."""
        names = {r.format for r in saved}
        missing = tuple(n for n in case.formats if n not in names)
        bad = self._blame(case, missing, lost, again=again)
        for name in (n for n in missing if n in bad):
            self._save(failed(self._blank(case, name), bad[name]), b"")
        anchors = (*case.anchors, *(r.format for r in saved if r.dense and r.status == "ok"))
        return replace(
            case,
            formats=tuple(n for n in missing if n not in bad),
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

    def _blame(
        self, case: Case, missing: tuple[str, ...], lost: Lost, *, again: bool
    ) -> dict[str, Failure]:
        """Which formats the worker was lost to; none: try once more.

        A hang is its own proof. A crash may come from memory that another format has overwritten,
        so each format is run alone, checked but not timed. When all survive, the cause may have
        been from outside; when it happens again, it is the format whose step it was.
        """
        names, stage = (*case.formats, *case.anchors), lost.step.stage
        suspects = [names[lost.step.format]] if lost.step.format >= 0 else list(missing)
        if lost.hung:
            return {n: Failure("timeout", lost.why) for n in suspects}
        status = "oom" if lost.memory else "crashed"
        if stage not in ("idle", "problem"):
            alone = {n: self._alone(case, n) for n in (*missing, *case.anchors)}
            if found := {n: Failure(status, why) for n, why in alone.items() if why}:
                return found
        if not again:
            return {}
        return {n: Failure(status, f"{lost.why}, twice, but not alone") for n in suspects}

    def _alone(self, case: Case, name: str) -> str | None:
        """Why a worker of its own is lost to that format; None when it is not."""
        try:
            for _ in self._ask(replace(case, formats=(name,), anchors=(), timed=False)):
                pass
        except Lost as lost:
            self._worker = None
            return lost.why
        return None
