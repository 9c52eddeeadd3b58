"""Ratios of samples that were taken in the same blocks: what both suffered alike cancels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spmvbench.stats.bootstrap import block_bootstrap
from spmvbench.stats.dependence import effective_samples
from spmvbench.stats.interval import Interval, Samples, median, over_launches, student


@dataclass(frozen=True)
class LogRatio:
    """The natural logarithm of a ratio and its standard error."""

    value: float
    error: float


def log_ratio(baseline: Samples, mine: Samples) -> LogRatio:
    """The median logarithm of how many times faster `mine` is, pair by pair.

    The error is that of the interval of `median`: pairs that resemble their neighbours and a few
    spoilt ones are allowed for.
    """
    logs = np.log(baseline / mine)
    found = median(logs)
    return LogRatio(
        found.value, (found.high - found.low) / 2 / student(2 * effective_samples(logs))
    )


def speedup(baseline: Samples, mine: Samples) -> Interval:
    """How many times faster `mine` is: the median ratio of samples taken in the same block.

    See `median` for the interval.
    """
    found = median(np.log(baseline / mine))
    return Interval(*(float(np.exp(end)) for end in (found.value, found.low, found.high)))


def ratio_of_medians(baseline: Samples, mine: Samples, launches: Sequence[int] = ()) -> Interval:
    """How many times as long the median of `baseline` is, as the `median_us` of two rows say.

    Samples of one block are drawn together, so what both suffered stays paired. `launches`: how
    many samples each gave, one after another; of several the interval is over their ratios.
    """
    if len(launches) > 1:
        ends = np.cumsum(launches)[:-1]
        pairs = zip(np.split(baseline, ends), np.split(mine, ends), strict=True)
        return over_launches([float(np.median(one) / np.median(other)) for one, other in pairs])
    value = float(np.median(baseline) / np.median(mine))
    low, high = block_bootstrap(
        lambda drawn: np.median(drawn[0], axis=-1) / np.median(drawn[1], axis=-1), baseline, mine
    )
    return Interval(value, low, high)
