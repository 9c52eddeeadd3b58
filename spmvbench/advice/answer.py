"""The answer: per density the best choice of formats against dense, int8 and int4."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from spmvbench.advice.model import Layer, Model, Scenario
from spmvbench.advice.totals import Rows, Total, by_key, fastest, is_dense, ratio, total
from spmvbench.curves import crossover
from spmvbench.record import Record
from spmvbench.stats import Interval

DENSE = "16-bit dense"
QUANTISED = {"int8": "dense-int8", "int4": "dense-int4"}
RIVALS = (DENSE, *QUANTISED)


@dataclass(frozen=True)
class Verdict:
    """The best lossless choice against one rival. `pays` None: the intervals cannot tell."""

    rival: str
    faster: Interval
    smaller: float
    pays: bool | None


@dataclass(frozen=True)
class Outcome:
    """What was found for one scenario.

    `best`: of each layer the fastest lossless format, dense where dense is faster; where it is for
    all of them (`dense_wins`), the fastest sparse one. None where a layer has no time.
    `formats`: every sparse lossless format alone; `rivals`: those that were measured.
    """

    scenario: Scenario
    best: Total | None
    dense_wins: bool
    formats: Mapping[str, Total]
    rivals: Mapping[str, Total]

    def verdict(self, rival: str) -> Verdict | None:
        """Against that rival; None where one of the two was not measured."""
        against = self.rivals.get(rival)
        if self.best is None or against is None:
            return None
        faster = ratio(against, self.best)
        pays = None if faster.low <= 1 <= faster.high else faster.low > 1
        return Verdict(rival, faster, against.nbytes / max(self.best.nbytes, 1), pays)


@dataclass(frozen=True)
class Need:
    """From which share of zeros on it pays. `kind` as of `curves.Crossover`, or `one density`."""

    kind: str
    zeros: float


@dataclass(frozen=True)
class Answer:
    """All of it. `others`: rows without a time, which say why something is missing."""

    model: Model
    device: str
    outcomes: tuple[Outcome, ...]
    others: tuple[Record, ...]

    @property
    def pays(self) -> bool:
        """Whether sparse weights are faster than 16-bit dense at any density measured."""
        verdicts = (outcome.verdict(DENSE) for outcome in self.outcomes)
        return any(verdict.pays for verdict in verdicts if verdict)

    def need(self, rival: str) -> Need:
        """From which share of zeros on the best choice beats a rival, interpolated."""
        found = [(o.scenario.zeros, v) for o in self.outcomes if (v := o.verdict(rival))]
        if len(found) < 2:
            return Need("one density" if found else "unknown", float("nan"))
        density = [1 - zeros for zeros, _ in found]
        crossing = crossover(density, [verdict.faster.value for _, verdict in found])
        return Need(crossing.kind, 1 - crossing.density)

    def missing(self, name: str) -> str:
        """Why a format has no total, in a few words."""
        rows = [row for row in self.others if row.format == name]
        return rows[0].reason or rows[0].status if rows else "no row of it"


def answer(model: Model, device: str, records: Iterable[Record]) -> Answer:
    """From records of the model's problems."""
    listed = list(records)
    rows = by_key(listed)
    outcomes = tuple(_outcome(scenario, rows) for scenario in model.scenarios)
    others = tuple(row for row in listed if row.status not in ("ok", "unverified"))
    return Answer(model, device, outcomes, others)


def _outcome(scenario: Scenario, rows: Rows) -> Outcome:
    keys = {layer.key for layer in scenario.layers}
    sparse = {
        row.format: None
        for key in keys
        for row in rows.get(key, ())
        if row.lossless and not row.dense
    }
    formats = {name: _alone(scenario, rows, name) for name in sorted(sparse)}
    rivals = {DENSE: total(scenario, fastest(rows, is_dense))}
    rivals |= {rival: _alone(scenario, rows, name) for rival, name in QUANTISED.items()}
    best = total(scenario, fastest(rows, lambda row: row.lossless))
    dense_wins = best is not None and best.dense
    if dense_wins:
        best = total(scenario, fastest(rows, lambda row: row.lossless and not row.dense))
    return Outcome(
        scenario,
        best,
        dense_wins,
        {name: found for name, found in formats.items() if found},
        {name: found for name, found in rivals.items() if found},
    )


def _alone(scenario: Scenario, rows: Rows, name: str) -> Total | None:
    return total(scenario, fastest(rows, lambda row: row.format == name))


@dataclass(frozen=True)
class Quality:
    """What pruning costs: a measure that grows when quality falls, as perplexity, by density."""

    name: str
    values: Mapping[float, float]

    def best(self, answer: Answer, bound: float) -> tuple[Outcome, float] | None:
        """The fastest outcome whose measure is at most the bound, and the measure."""
        allowed = [
            (outcome.best.us.value, outcome, value)
            for outcome in answer.outcomes
            if outcome.best and (value := self._of(outcome.scenario)) is not None and value <= bound
        ]
        if not allowed:
            return None
        _, outcome, value = min(allowed, key=lambda found: found[0])
        return outcome, value

    def _of(self, scenario: Scenario) -> float | None:
        asked = 1 - scenario.zeros if scenario.asked is None else scenario.asked
        near = min(self.values, key=lambda density: abs(density - asked))
        return self.values[near] if abs(near - asked) < SAME else None


@dataclass(frozen=True)
class Bound:
    """The most that is accepted of a measure of quality."""

    quality: Quality
    most: float


SAME = 0.005
"""Densities that differ by less are one density: a stored one is never exactly what was asked."""


def layers_of(outcome: Outcome) -> Sequence[tuple[Layer, Record]]:
    """Each layer with the row that was chosen for it."""
    rows = outcome.best.rows if outcome.best else ()
    return list(zip(outcome.scenario.layers, rows, strict=bool(rows)))
