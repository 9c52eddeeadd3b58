"""From cases to a results folder: what is measured stays measured, one bad format costs one row."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from spmvbench.assemble import blank, failed
from spmvbench.case import Case
from spmvbench.dates import Dates
from spmvbench.environment import environment_id, same_source
from spmvbench.guard import Failure
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
    chosen: Callable[[str], bool] = lambda name: True,
) -> Plan:
    """Leave out what is measured: same problem, condition, protocol, source and device model.

    `chosen` says which formats to measure now; the others may still serve as anchors.
    """
    past = _Past({row.case: row for row in rows}, environments, current, retry)
    left, done, outdated = [], 0, 0
    for case in cases:
        found = {name: row for name in case.formats if (row := past.row(case, name))}
        kept = {name: row for name, row in found.items() if past.counts(case, row)}
        missing = {n for n in case.formats if n not in kept and chosen(n)}
        if missing:
            missing |= {n for n, row in kept.items() if chosen(n) and _lacks_pair(row)}
        missing |= {n for n, row in kept.items() if chosen(n) and _outrun(row, kept)}
        done += sum(chosen(n) and n not in missing for n in kept)
        outdated += sum(chosen(n) and not past.fresh(row) for n, row in found.items())
        anchors = tuple(n for n, r in kept.items() if _is_anchor(r) and n not in missing)
        if missing:
            again = tuple(n for n in case.formats if n in missing)
            left.append(replace(case, formats=again, anchors=anchors))
    return Plan(left, done, outdated)


def _is_anchor(row: Record) -> bool:
    """Whether it is timed again beside others, as their baseline: a lossy one never is."""
    return row.dense and row.lossless and row.status == "ok"


def _lacks_pair(row: Record) -> bool:
    """A time that was taken without a dense format beside it: no speed-up can come of it."""
    return row.status == "ok" and not row.baseline


def _outrun(row: Record, kept: dict[str, Record]) -> bool:
    """Whether its baseline is clearly slower than another dense format, measured since."""
    mine = kept.get(row.baseline)
    leaders = [r for r in kept.values() if r.baseline == r.format and r.ci_high_us]
    if mine is None or not mine.ci_low_us:
        return False
    return any((r.ci_high_us or 0) < mine.ci_low_us for r in leaders)


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
        return same_source(
            self.environments.get(row.environment, {}), self.current, row.format, row.source
        )

    def counts(self, case: Case, row: Record) -> bool:
        """Unavailable in another environment does not count: a library may have come."""
        if row.protocol != case.timing.protocol or not self.fresh(row):
            return False
        if row.status == "unavailable":
            return row.environment == environment_id(self.current)
        return not (self.retry and row.status in RETRIED)


class _Full(Exception):
    """Memory ran out in a worker that other formats had used before: `name` must try alone."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


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
        self._dates = Dates(results.folder)
        results.note_environment(self._environment, entry)

    def measure(self, case: Case) -> None:
        """Save one row per format of the case."""
        losses = 0
        while case.formats:
            saved: list[Record] = []
            try:
                for record, samples in self._ask(case):
                    if record.status == "oom" and len(case.formats) > 1:
                        raise _Full(record.format)
                    saved.append(self._save(record, samples))
                return
            except _Full as full:
                self.close()  # what the first one hoards must not cost the others their memory
                done = {r.format for r in saved} | {full.name}
                dense = tuple(r.format for r in saved if _is_anchor(r))
                self.measure(replace(case, formats=(full.name,), anchors=()))
                self.close()
                case = replace(
                    case,
                    formats=tuple(n for n in case.formats if n not in done),
                    anchors=(*case.anchors, *dense),
                )
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
        anchors = (*case.anchors, *(r.format for r in saved if _is_anchor(r)))
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
        self._dates.note(self._environment)
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
            alone = {n: self._alone(case, n, timed=again) for n in (*missing, *case.anchors)}
            if found := {n: Failure(status, why) for n, why in alone.items() if why}:
                return found
        if not again:
            return {}
        return {n: Failure(status, f"{lost.why}, twice, but not alone") for n in suspects}

    def _alone(self, case: Case, name: str, *, timed: bool) -> str | None:
        """Why a worker of its own is lost to that format; None when it is not."""
        self.close()
        try:
            for _ in self._ask(replace(case, formats=(name,), anchors=(), timed=timed)):
                pass
        except Lost as lost:
            self._worker = None
            return lost.why
        self.close()
        return None
