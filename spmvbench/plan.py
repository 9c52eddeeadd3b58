"""What of an experiment is left to measure, given the rows of a results folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from spmvbench.case import Case
from spmvbench.environment import environment_id, same_source
from spmvbench.record import Record

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
    launches: int = 1,
    chosen: Callable[[str], bool] = lambda name: True,
) -> Plan:
    """Leave out what is measured: same problem, condition, protocol, source and device model.

    A time of fewer than `launches` launches is taken again. `chosen` says which formats to measure
    now; the others may still serve as anchors.
    """
    past = _Past({row.case: row for row in rows}, environments, current, retry, launches)
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
        anchors = tuple(n for n, r in kept.items() if is_anchor(r) and n not in missing)
        if missing:
            again = tuple(n for n in case.formats if n in missing)
            left.append(replace(case, formats=again, anchors=anchors))
    return Plan(left, done, outdated)


def is_anchor(row: Record) -> bool:
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
    launches: int

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
        if row.status == "ok" and row.launches < self.launches:
            return False
        return not (self.retry and row.status in RETRIED)
