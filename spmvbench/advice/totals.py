"""Times and bytes of one token through all layers, in one choice of formats or another."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from spmvbench.advice.model import Layer, Scenario
from spmvbench.record import Record
from spmvbench.stats import Interval

Rows = Mapping[str, Sequence[Record]]
"""Records by the key of their problem."""

Choice = Callable[[Layer], Record | None]


@dataclass(frozen=True)
class Total:
    """The sum over a scenario's layers. `rows`: what was chosen for each, in their order."""

    us: Interval
    nbytes: int
    rows: tuple[Record, ...]

    @property
    def dense(self) -> bool:
        """Whether no layer is sparse."""
        return all(row.dense for row in self.rows)


def total(scenario: Scenario, choose: Choice) -> Total | None:
    """The sum over the layers of what `choose` takes for each; None where it takes nothing.

    Matrices of a kind share their measurement, so its error counts as often as they do; errors of
    different kinds are independent and add in quadrature.
    """
    chosen = []
    for layer in scenario.layers:
        row = choose(layer)
        if row is None:
            return None
        chosen.append((layer.count, row))
    value = sum(count * _time(row)[0] for count, row in chosen)
    low, high = (
        math.sqrt(sum((count * abs(_time(row)[0] - _time(row)[end])) ** 2 for count, row in chosen))
        for end in (1, 2)
    )
    nbytes = sum(count * (row.packed_bytes or 0) for count, row in chosen)
    return Total(Interval(value, value - low, value + high), nbytes, tuple(r for _, r in chosen))


def ratio(slow: Total, fast: Total) -> Interval:
    """How many times faster `fast` is. Its errors and those of `slow` are taken as independent."""
    if slow.rows == fast.rows:
        return Interval(1.0, 1.0, 1.0)
    value = slow.us.value / fast.us.value
    low = math.hypot(_log(slow.us.value, slow.us.low), _log(fast.us.high, fast.us.value))
    high = math.hypot(_log(slow.us.high, slow.us.value), _log(fast.us.value, fast.us.low))
    return Interval(value, value * math.exp(-low), value * math.exp(high))


def by_key(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Records that have a time, by problem. `auto` is left out: it is one of the others."""
    found: dict[str, list[Record]] = {}
    for record in records:
        if record.status == "ok" and record.median_us and not record.layout:
            found.setdefault(record.key, []).append(record)
    return found


def fastest(rows: Rows, test: Callable[[Record], bool]) -> Choice:
    """Of each layer the fastest row that passes."""

    def choose(layer: Layer) -> Record | None:
        return min(
            filter(test, rows.get(layer.key, ())), key=lambda row: _time(row)[0], default=None
        )

    return choose


def is_dense(record: Record) -> bool:
    """Whether it may be the dense rival: lossless, and storing no more bits than asked."""
    return record.dense and record.lossless and record.value_dtype == record.dtype


def _time(row: Record) -> tuple[float, float, float]:
    value = row.median_us or math.nan
    return value, row.ci_low_us or value, row.ci_high_us or value


def _log(one: float, other: float) -> float:
    """The distance of two times; infinite where an interval reaches below zero."""
    return math.log(one / other) if other > 0 else math.inf
