"""What a gate says at its end, in one sentence."""

from __future__ import annotations

from collections import Counter
from math import isfinite
from statistics import median

from spmvbench.compare import FASTER, SAME, SLOWER, VERDICTS
from spmvbench.gate.judge import Outcome
from spmvbench.gate.alternate import LEAST

_FIRST = (SAME, FASTER, SLOWER)


def sentence(outcome: Outcome) -> str:
    """`noise floor 1.2 %; 38 same, 1 slower, 3 unmeasurable`: every case is in one count."""
    lines = outcome.comparison.lines
    if outcome.comparison.incomparable:
        return outcome.comparison.incomparable
    floors = [line.noise_floor for line in lines if isfinite(line.noise_floor)]
    floor = f"noise floor {100 * median(floors):.1f} %" if floors else "no times"
    counts = Counter(line.verdict for line in lines)
    order = dict.fromkeys((*_FIRST, *VERDICTS))
    return f"{floor}; " + ", ".join(f"{counts[name]} {name}" for name in order if counts[name])


def launches(outcome: Outcome) -> str:
    """How many launches that is from, and whether the time was too short for more."""
    said = f"{outcome.first.per_side} launches per side"
    if outcome.again:
        said += f", then {outcome.again.per_side} of what looked slower"
    if outcome.over_s:
        said += (
            f"; --budget {outcome.budget_s:g}s is too small: {LEAST} launches per side are the "
            f"least, and took {outcome.over_s:.0f} s more"
        )
    return said
