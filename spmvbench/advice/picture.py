"""The answer as a picture: speed-up of the whole model against its share of zeros."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spmvbench.advice.answer import DENSE, QUANTISED, Answer, Outcome
from spmvbench.advice.totals import ratio
from spmvbench.plots.model import Points, draw_model
from spmvbench.plots.sheet import NBSP, Words
from spmvbench.stats import Interval


def picture(answer: Answer, folder: Path, name: str) -> list[Path]:
    """Write it; no file where fewer than two densities have a format and its dense rival."""
    formats = {n: p for n in _names(answer) if (p := _points(answer, n)) is not None}
    if not formats:
        return []
    words = Words(
        f"{answer.model.name}: is a token faster with sparse weights?",
        f"{NBSP}· ".join([answer.device, _batch(answer), "all linear layers"]),
        [
            "Bands: 95 % intervals.",
            "Dashed: quantised dense weights, lossy.",
            "Dotted: what the fewest bytes would allow.",
        ],
    )
    return draw_model(words, formats, _levels(answer), folder, name)


def _batch(answer: Answer) -> str:
    return f"batch{NBSP}{answer.model.batch}"


def _names(answer: Answer) -> list[str]:
    return sorted({name for outcome in answer.outcomes for name in outcome.formats})


def _points(answer: Answer, name: str) -> Points | None:
    found = [
        (outcome.scenario.zeros, _speedup(outcome, name))
        for outcome in answer.outcomes
        if name in outcome.formats and DENSE in outcome.rivals
    ]
    if len({zeros for zeros, _ in found}) < 2:
        return None
    found.sort(key=lambda point: point[0])
    columns = [(zeros, s.value, s.low, s.high) for zeros, s in found]
    return Points(*np.array(columns, np.float64).T)


def _speedup(outcome: Outcome, name: str) -> Interval:
    return ratio(outcome.rivals[DENSE], outcome.formats[name])


def _levels(answer: Answer) -> dict[str, float]:
    """The quantised rivals: the same at every density, but for noise, so the median of all."""
    found: dict[str, float] = {}
    for rival, name in QUANTISED.items():
        values = [
            ratio(o.rivals[DENSE], o.rivals[rival]).value
            for o in answer.outcomes
            if rival in o.rivals and DENSE in o.rivals
        ]
        if values:
            found[name] = float(np.median(values))
    return found
