"""The machine's pace: what made both launches of a pair slow or fast says nothing of the revisions.

A machine that warms up, or on which a job starts, is slower in later pairs for all cases alike.
Alternating keeps that out of the ratio; taken for a difference between launches it would still hide
a change. So each case's times are divided by the pace of their pair, as the other cases show it:
the ratio stays what it was, and only what a launch did to this case is left as its noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from spmvbench.compare import Side
from spmvbench.compare.side import Case
from spmvbench.record import Record

LEAST_CASES = 8
"""Fewer are too noisy a measure of the pace: what they add would be more than what they remove."""

Rows = Mapping[Case, Sequence[Record]]


def steadied(base: Side, new: Side) -> tuple[Side, Side]:
    """Both sides with the pace taken out; their rows are in the order of launches, pair by pair."""
    before, after = dict(base.rows), dict(new.rows)
    for place in [place for place in before if place in after]:
        before[place], after[place] = _steadied(before[place], after[place])
    return replace(base, rows=before), replace(new, rows=after)


def _steadied(base: Rows, new: Rows) -> tuple[Rows, Rows]:
    pairs = max(len(rows) for side in (base, new) for rows in side.values())
    cases = [
        case
        for case, rows in base.items()
        if len(both := [*rows, *new.get(case, ())]) == 2 * pairs and all(r.median_us for r in both)
    ]
    if len(cases) < LEAST_CASES:
        return base, new
    paces = _paces(np.array([_logs(base[case]) + _logs(new[case]) for case in cases]) / 2)
    factors = dict(zip(cases, np.exp(-paces), strict=True))

    def divided(side: Rows) -> Rows:
        return dict(side) | {case: [*map(_scaled, side[case], factors[case])] for case in cases}

    return divided(base), divided(new)


def _paces(logs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """For each case and pair the mean over the other cases; zero on average over the pairs."""
    apart = logs - logs.mean(axis=1, keepdims=True)
    others: npt.NDArray[np.float64] = (apart.sum(axis=0) - apart) / (len(apart) - 1)
    return others


def _logs(rows: Sequence[Record]) -> npt.NDArray[np.float64]:
    return np.log([row.median_us or np.nan for row in rows])


def _scaled(row: Record, factor: float) -> Record:
    times = {
        name: value * float(factor)
        for name in ("median_us", "ci_low_us", "ci_high_us")
        if (value := getattr(row, name)) is not None
    }
    return replace(row, **times)
