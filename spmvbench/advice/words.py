"""The answer in a sentence per density."""

from __future__ import annotations

import math

from spmvbench.advice.answer import QUANTISED, RIVALS, Answer, Bound, Need, Outcome, Verdict
from spmvbench.advice.model import Scenario
from spmvbench.summary.sentence import times


def sentences(answer: Answer) -> list[str]:
    """`as stored (50.0 % zeros): pays against ..., does not against int8; ...`, one per density."""
    return [_sentence(outcome, answer) for outcome in answer.outcomes]


def bound_sentence(bound: Bound, answer: Answer) -> str:
    """Which density is the fastest of those whose quality is good enough."""
    name, found = bound.quality.name, bound.quality.best(answer, bound.most)
    if found is None:
        return f"No density measured has {name} of at most {bound.most:g}."
    outcome, value = found
    ms = outcome.best.us.value / 1e3 if outcome.best else math.nan
    return (
        f"With {name} of at most {bound.most:g}: {head(outcome.scenario)} is the fastest, "
        f"{ms:.4g} ms/token at {name} {value:g}."
    )


def zeros(share: float) -> str:
    """A share of zeros as text."""
    return f"{100 * share:.1f} %"


def needed(need: Need, answer: Answer) -> str:
    """What it takes to beat a rival, as far as was measured."""
    shares = [outcome.scenario.zeros for outcome in answer.outcomes]
    if need.kind == "below":
        return f"needs >= {math.ceil(100 * need.zeros - 1e-9)} % zeros"
    if need.kind == "never":
        return f"not at {zeros(max(shares))} zeros either, the most measured"
    if need.kind == "one density":
        return "what it needs was not measured, add --density"
    return "what it needs is not clear from what was measured"


def head(scenario: Scenario) -> str:
    """`as stored (50.0 % zeros)`."""
    return f"{scenario.label} ({zeros(scenario.zeros)} zeros)"


def _sentence(outcome: Outcome, answer: Answer) -> str:
    if outcome.best is None:
        return f"{head(outcome.scenario)}: not measured, {_why(answer)}."
    said = [_against(rival, outcome, answer) for rival in RIVALS]
    return f"{head(outcome.scenario)}: {'; '.join(said)}."


def _against(rival: str, outcome: Outcome, answer: Answer) -> str:
    verdict = outcome.verdict(rival)
    if verdict is None:
        why = answer.missing(QUANTISED[rival]) if rival in QUANTISED else _why(answer)
        return f"{rival} was not measured ({why})"
    if verdict.pays:
        return f"pays against {rival} ({_by(verdict)})"
    verb = "cannot be told from" if verdict.pays is None else "does not against"
    return f"{verb} {rival} ({_by(verdict)}; {needed(answer.need(rival), answer)})"


def _by(verdict: Verdict) -> str:
    speed = _factor(verdict.faster.value, "faster", "slower")
    return f"{speed}, {_factor(verdict.smaller, 'smaller', 'larger')}"


def _factor(value: float, more: str, less: str) -> str:
    return f"{times(value)} {more}" if value >= 1 else f"{times(1 / value)} {less}"


def size(count: float) -> str:
    """Bytes as text, in the unit that has a digit to show: `6.74 GB`, `43.2 MB`."""
    for unit, one in (("GB", 1e9), ("MB", 1e6)):
        if count >= one:
            return f"{count / one:.3g} {unit}"
    return f"{count / 1e3:.3g} kB"


def _why(answer: Answer) -> str:
    failed = [row for row in answer.others if row.status != "unavailable"]
    return f"{failed[0].format} is {failed[0].status}: {failed[0].reason}" if failed else "no time"
