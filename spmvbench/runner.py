"""From cases to a results folder: what is measured stays measured, one bad format costs one row."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from spmvbench.assemble import blank, failed
from spmvbench.case import Case
from spmvbench.dates import Dates
from spmvbench.environment import environment_id
from spmvbench.guard import Failure
from spmvbench.launches import Launch, repeated
from spmvbench.plan import is_anchor
from spmvbench.process import Lost, WorkerProcess
from spmvbench.record import Record
from spmvbench.records import Results

Keep = Callable[[Record, bytes], Record]
"""What is done with a record and its samples."""


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
        launches: int = 1,
    ) -> None:
        """`start` makes a worker like the one given; `on_record` sees each row once it is saved.

        `launches`: fresh workers that every case is measured in; one: the same serves all cases.
        """
        self._results, self._start, self._on_record = results, start, on_record
        self._launches = launches
        self._worker: WorkerProcess | None = worker
        self._device = str(worker.hello["slug"])
        self._timers = dict(worker.hello["timers"])
        entry = worker.hello["environment"]
        self._environment = environment_id(entry)
        self._dates = Dates(results.folder)
        results.note_environment(self._environment, entry)

    def measure(self, case: Case) -> None:
        """Save one row per format of the case."""
        if self._launches == 1:
            self._launch(case, self._save)
            return
        for record, samples in repeated(case, self._launches, self._fresh):
            self._save(record, samples)

    def _fresh(self, case: Case) -> Launch:
        """One launch in a worker that has done nothing before."""
        found: dict[str, tuple[Record, bytes]] = {}

        def keep(record: Record, samples: bytes) -> Record:
            found[record.format] = record, samples
            return record

        self._launch(case, keep)
        self.close()
        return found

    def _launch(self, case: Case, keep: Keep) -> None:
        """Hand one record per format of the case to `keep`, as each is made."""
        losses = 0
        while case.formats:
            saved: list[Record] = []
            try:
                for record, samples in self._ask(case):
                    if record.status == "oom" and len(case.formats) > 1:
                        raise _Full(record.format)
                    saved.append(keep(record, samples))
                return
            except _Full as full:
                self.close()  # what the first one hoards must not cost the others their memory
                done = {r.format for r in saved} | {full.name}
                dense = tuple(r.format for r in saved if is_anchor(r))
                self._launch(replace(case, formats=(full.name,), anchors=()), keep)
                self.close()
                case = replace(
                    case,
                    formats=tuple(n for n in case.formats if n not in done),
                    anchors=(*case.anchors, *dense),
                )
            except Lost as lost:
                self._worker = None
                losses += 1
                case = self._without(case, saved, lost, keep, again=losses > 1)

    def _without(
        self, case: Case, saved: Sequence[Record], lost: Lost, keep: Keep, *, again: bool
    ) -> Case:
        """The case that is left when the worker was lost: without what is saved and the guilty."""
        names = {r.format for r in saved}
        missing = tuple(n for n in case.formats if n not in names)
        bad = self._blame(case, missing, lost, again=again)
        for name in (n for n in missing if n in bad):
            failure, printed = bad[name]
            record = failed(self._blank(case, name), failure)
            self._log(record, printed)
            keep(record, b"")
        anchors = (*case.anchors, *(r.format for r in saved if is_anchor(r)))
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
            record = Record(**answer["record"])
            self._log(record, answer["log"])
            yield record, base64.b64decode(answer["samples"])

    def _save(self, record: Record, samples: bytes) -> Record:
        record = self._results.append(replace(record, environment=self._environment), samples)
        self._dates.note(self._environment)
        self._on_record(record)
        return record

    def _log(self, record: Record, printed: str) -> None:
        if printed.strip():
            self._results.keep_log(record, printed)

    def _blank(self, case: Case, name: str) -> Record:
        return blank(case, name, device=self._device, timer=self._timers[case.cache])

    def _blame(
        self, case: Case, missing: tuple[str, ...], lost: Lost, *, again: bool
    ) -> dict[str, tuple[Failure, str]]:
        """Which formats the worker was lost to and what it printed; none: try once more.

        A hang is its own proof. A crash may come from memory that another format has overwritten,
        so each format is run alone, checked but not timed. When all survive, the cause may have
        been from outside; when it happens again, it is the format whose step it was.
        """
        names, stage = (*case.formats, *case.anchors), lost.step.stage
        suspects = [names[lost.step.format]] if lost.step.format >= 0 else list(missing)
        if lost.hung:
            return {n: (Failure("timeout", lost.why), lost.printed) for n in suspects}
        status = "oom" if lost.memory else "crashed"
        if stage not in ("idle", "problem"):
            alone = {n: self._alone(case, n, timed=again) for n in (*missing, *case.anchors)}
            found = {n: own for n, own in alone.items() if own}
            if found:
                return {n: (Failure(status, own.why), own.printed) for n, own in found.items()}
        if not again:
            return {}
        failure = Failure(status, f"{lost.why}, twice, but not alone")
        return dict.fromkeys(suspects, (failure, lost.printed))

    def _alone(self, case: Case, name: str, *, timed: bool) -> Lost | None:
        """How a worker of its own is lost to that format; None when it is not."""
        self.close()
        try:
            for _ in self._ask(replace(case, formats=(name,), anchors=(), timed=timed)):
                pass
        except Lost as lost:
            self._worker = None
            return lost
        self.close()
        return None
