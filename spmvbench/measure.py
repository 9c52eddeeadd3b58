"""The order of a measurement, once: generate, expect, pack, check, time together, check again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from spmvbench import assemble
from spmvbench.case import Case
from spmvbench.contestant import Contestant
from spmvbench.devices.base import Device
from spmvbench.dtypes import is_on_host
from spmvbench.external.format import External
from spmvbench.external.run import run
from spmvbench.grouping import Entry, groups
from spmvbench.guard import Failure, guard
from spmvbench.overhead import overhead_us
from spmvbench.prepare import AFTER, Task, find, predict_bytes, prepare
from spmvbench.printed import Printed
from spmvbench.problems import build, count_nonzero
from spmvbench.record import Record
from spmvbench.sampling import CacheState, Timed, check_after, sample, vectors
from spmvbench.stats import Samples
from spmvbench.watch import Watch

MEMORY_SHARE = 0.6
"""Share of the free memory that packed copies may fill; packing and checking need the rest."""


@dataclass(frozen=True)
class Measured:
    """A record, and its raw samples in time order (microseconds; empty when there are none).

    `log`: what the format or program has printed, but for what it does while timed.
    """

    record: Record
    samples: Samples = field(default_factory=lambda: np.empty(0))
    log: str = ""


def measure(case: Case, device: Device, watch: Watch) -> Iterator[Measured]:
    """One record per format of the case, each as soon as its timing group is done.

    Nothing that a format does stops the others, short of killing the process.
    """
    watch.enter("problem")
    device.configure(threads=case.threads, batch=case.problem.batch)
    timer = device.timer(hot=case.cache == "hot")
    blanks = {
        name: assemble.blank(case, name, device=device.slug, timer=timer)
        for name in (*case.formats, *case.anchors)
    }
    task = guard(lambda: _task(case, device.kind))
    if isinstance(task, Failure):
        yield from (Measured(assemble.failed(blanks[name], task)) for name in case.formats)
        return
    nnz = count_nonzero(task.dense)
    density = case.problem.density or nnz / max(case.problem.elements, 1)
    blanks = {name: replace(r, nnz=nnz, density=density) for name, r in blanks.items()}
    yield from _Measurement(case, task, device, watch, blanks).records()


def _task(case: Case, kind: str) -> Task:
    problem = case.problem
    dense = build(problem, kind)
    if is_on_host(dense):
        dense.flags.writeable = False  # no format may spoil it for the next
    return Task.of(problem, dense, vectors(problem, case.timing))


@dataclass(frozen=True)
class _Measurement:
    """What the steps of measuring one case have in common.

    `blanks`: records by format name. `logs`: what formats have printed, by theirs.
    """

    case: Case
    task: Task
    device: Device
    watch: Watch
    blanks: dict[str, Record]
    logs: dict[str, str] = field(default_factory=dict)

    def records(self) -> Iterator[Measured]:
        """Enter every format, then measure group by group."""
        entries: list[Entry] = []
        for index, name in enumerate((*self.case.formats, *self.case.anchors)):
            printed = Printed()
            entry = self._enter(name, index)
            self.logs[name] = printed.text()
            if isinstance(entry, Entry):
                entries.append(entry)
            else:
                yield from self._failed(name, entry)
        programs = [entry for entry in entries if isinstance(entry.format, External)]
        entries = [entry for entry in entries if entry not in programs]
        room = int(MEMORY_SHARE * self.device.free_bytes())
        seen: set[str] = set(self.case.anchors)
        for block, group in enumerate(groups(entries, room)):
            for measured in self._group(group, block, room):
                # A dense format is timed again in every group, and recorded once.
                if measured.record.format not in seen:
                    seen.add(measured.record.format)
                    yield measured
        yield from map(self._run, programs)

    def _run(self, entry: Entry) -> Measured:
        """What comes of a program, which runs when nothing else is timed."""
        record, fmt, problem = self.blanks[entry.name], entry.format, self.task.problem
        if not self.case.timed or not isinstance(fmt, External):
            return Measured(assemble.unverified(record, []))
        dense, case = self.task.given_to(fmt), self.case
        self.watch.enter("product", entry.index)
        ran = run(
            fmt.program,
            problem,
            dense,
            self.device.kind,
            case.threads,
            partial(self.watch.enter, "product", entry.index),
        )
        if ran.failure:
            return Measured(assemble.failed(record, ran.failure), log=ran.log)
        return Measured(assemble.unverified(record, ran.times_us), np.array(ran.times_us), ran.log)

    def _failed(self, name: str, failure: Failure) -> Iterator[Measured]:
        if name in self.case.formats:
            yield Measured(assemble.failed(self.blanks[name], failure), log=self.logs[name])

    def _enter(self, name: str, index: int) -> Entry | Failure:
        self.watch.enter("pack", index)
        fmt = find(name, self.device, self.task.problem, self.case.programs)
        if isinstance(fmt, Failure):
            return fmt
        if isinstance(fmt, External):
            return Entry(name, index, fmt, 0)
        size = guard(lambda: predict_bytes(fmt, self.task.dense))
        return size if isinstance(size, Failure) else Entry(name, index, fmt, size)

    def _group(self, group: Sequence[Entry], block: int, room: int) -> Iterator[Measured]:
        """Prepare every format, time those that are right, check them again."""
        ready: list[Contestant] = []
        states: dict[int, CacheState] = {}
        for entry in group:
            state = CacheState.of(
                self.case.cache, entry.packed_bytes, self.device.cache_bytes, room // len(group)
            )
            copies, printed = state.copies if self.case.timed else 1, Printed()
            got = prepare(
                entry.format, entry.index, self.task, self.device, self.watch, copies=copies
            )
            self.logs[entry.name] += printed.text()
            if isinstance(got, Failure):
                yield from self._failed(entry.name, got)
            else:
                ready.append(replace(got, name=entry.name))
                states[entry.index] = state if got.own_copies else state.shared()
        if not self.case.timed:
            for c in ready:
                yield Measured(assemble.checked(self.blanks[c.name], c), log=self.logs[c.name])
            return
        yield from self._timed(group, ready, states, block)

    def _timed(
        self,
        group: Sequence[Entry],
        ready: list[Contestant],
        states: dict[int, CacheState],
        block: int,
    ) -> Iterator[Measured]:
        outcome, failures, around = self._race_watched(ready, states)
        records: list[Record] = []
        for contestant in (c for c in ready if c.index in outcome.samples):
            after = check_after(contestant, self.device, self.task.xs[AFTER], self.watch)
            if isinstance(after, Failure):
                failures[contestant.index] = after
                continue
            entry = next(e for e in group if e.index == contestant.index)
            overhead_us = self._overhead_us(entry)
            record = assemble.checked(
                replace(self.blanks[contestant.name], block=block), contestant
            )
            records.append(
                assemble.timed(
                    record, contestant, states[contestant.index], outcome, overhead_us, around
                )
            )
        for entry in (e for e in group if e.index in failures):
            yield from self._failed(entry.name, failures[entry.index])
        samples = {c.name: outcome.samples[c.index] for c in ready if c.index in outcome.samples}
        for record in assemble.compared(records, samples):
            yield Measured(record, samples[record.format], self.logs[record.format])

    def _race_watched(
        self, ready: Sequence[Contestant], states: dict[int, CacheState]
    ) -> tuple[Timed, dict[int, Failure], assemble.Surroundings]:
        """Time them together, and see what the machine does before, meanwhile and after."""
        device = self.device
        self.watch.enter("probe")
        # Again: a library that a plan has loaded, or a plan itself, may have set other threads.
        device.configure(threads=self.case.threads, batch=self.task.problem.batch)
        bandwidth = [self._read_gbps()]
        load = device.foreign_load()
        with device.watched() as seen:
            outcome, failures = self._race(ready, states)
        foreign = load()
        self.watch.enter("probe")
        bandwidth.append(self._read_gbps())
        together, alone = np.median(bandwidth, axis=0)
        around = assemble.Surroundings(
            cache_bytes=device.cache_bytes,
            read_gbps=float(together),
            alone_gbps=float(alone),
            foreign_load=foreign,
            floor_us=device.floor_us(),
            telemetry=seen(),
        )
        return outcome, failures, around

    def _read_gbps(self) -> tuple[float, float]:
        """Read bandwidth of all the case's threads, and of one alone."""
        return self.device.read_gbps(self.case.threads), self.device.read_gbps(1)

    def _race(
        self, ready: Sequence[Contestant], states: dict[int, CacheState]
    ) -> tuple[Timed, dict[int, Failure]]:
        """Time them together; start again without one that fails meanwhile."""
        failures: dict[int, Failure] = {}
        while left := [c for c in ready if c.index not in failures]:
            found = [states[c.index] for c in left]
            outcome = sample(left, found, self.device, self.case.timing, self.task, self.watch)
            if isinstance(outcome, Timed):
                return outcome, failures
            index, failure = outcome
            failures[index] = failure
        return Timed({}, {}), failures

    def _overhead_us(self, entry: Entry) -> float | None:
        """The median time of the same format's product where there is next to nothing to do."""
        self.watch.enter("overhead", entry.index)
        case, device = self.case, self.device
        got = guard(
            lambda: overhead_us(entry.format, case.problem, device, hot=case.cache == "hot")
        )
        return None if isinstance(got, Failure) else got
