"""The answer as plain values, for scripts: what `--format json` prints."""

from __future__ import annotations

import math
from typing import Any

from spmvbench.advice.answer import RIVALS, Answer, Bound, Outcome, Verdict, layers_of
from spmvbench.advice.totals import Total
from spmvbench.advice.words import sentences
from spmvbench.stats import Interval


def plain(answer: Answer) -> dict[str, Any]:
    """Times in microseconds, sizes in bytes, shares of 1; what was not measured is null."""
    said = sentences(answer)
    return {
        "model": answer.model.name,
        "device": answer.device,
        "batch": answer.model.batch,
        "pays": answer.pays,
        "scenarios": [_scenario(o, s) for o, s in zip(answer.outcomes, said, strict=True)],
        "needs_zeros": {rival: _need(answer, rival) for rival in RIVALS},
    }


def plain_bound(bound: Bound, answer: Answer) -> dict[str, Any]:
    """The bound and the fastest scenario within it; null where there is none."""
    found = bound.quality.best(answer, bound.most)
    best = {"density_asked": found[0].scenario.asked, "value": found[1]} if found else None
    return {"name": bound.quality.name, "most": bound.most, "best": best}


def _scenario(outcome: Outcome, said: str) -> dict[str, Any]:
    scenario = outcome.scenario
    return {
        "density_asked": scenario.asked,
        "zeros": scenario.zeros,
        "sentence": said,
        "layers": [
            {
                "rows": layer.rows,
                "cols": layer.cols,
                "dtype": layer.dtype,
                "count": layer.count,
                "zeros": 1 - layer.density,
                "format": row.format,
                "median_us": row.median_us,
                "ci_low_us": row.ci_low_us,
                "ci_high_us": row.ci_high_us,
                "bandwidth_share": row.bandwidth_share,
                "packed_bytes": row.packed_bytes,
            }
            for layer, row in layers_of(outcome)
        ],
        "best": _total(outcome.best),
        "formats": {name: _total(found) for name, found in outcome.formats.items()},
        "rivals": {rival: _total(outcome.rivals.get(rival)) for rival in RIVALS},
        "verdicts": {rival: _verdict(outcome.verdict(rival)) for rival in RIVALS},
    }


def _total(found: Total | None) -> dict[str, Any] | None:
    return None if found is None else {**_interval("us", found.us), "bytes": found.nbytes}


def _verdict(found: Verdict | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {**_interval("faster", found.faster), "smaller": found.smaller, "pays": found.pays}


def _interval(name: str, found: Interval) -> dict[str, float]:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def _need(answer: Answer, rival: str) -> dict[str, Any]:
    found = answer.need(rival)
    return {"kind": found.kind, "zeros": None if math.isnan(found.zeros) else found.zeros}
