"""Ratios of samples that were taken in the same blocks, with intervals from drawing them anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from spmvbench.stats.dependence import block_length
from spmvbench.stats.interval import CONFIDENCE, Interval, Samples, median, student

DRAWS = 999
_BATCH = 100


def speedup(baseline: Samples, mine: Samples) -> Interval:
    """How many times faster `mine` is: the median ratio of samples taken in the same block.

    Pairing removes what both suffered alike. See `block_bootstrap` for the interval.
    """
    ratios = np.log(baseline / mine)
    value = float(np.exp(np.median(ratios)))
    if np.ptp(ratios) == 0:
        return Interval(value, value, value)
    low, high = block_bootstrap(lambda drawn: np.median(drawn[0], axis=-1), ratios)
    return Interval(value, float(np.exp(low)), float(np.exp(high)))


def ratio_of_medians(baseline: Samples, mine: Samples) -> Interval:
    """How many times as long the median of `baseline` is, as the `median_us` of two rows say.

    Samples of one block are drawn together, so what both suffered stays paired.
    """
    value = float(np.median(baseline) / np.median(mine))
    low, high = block_bootstrap(
        lambda drawn: np.median(drawn[0], axis=-1) / np.median(drawn[1], axis=-1), baseline, mine
    )
    return Interval(value, low, high)


def block_bootstrap(
    statistic: Callable[[list[Samples]], Samples], *samples: Samples, draws: int = DRAWS
) -> tuple[float, float]:
    """The 95 % percentile interval of a statistic of lists of samples, paired place by place.

    Runs of neighbours are drawn, the end joined to the beginning, as long as the correlation of
    the samples lasts (`block_length`, of the list where it lasts longest). Seeded: the same
    samples give the same interval. `statistic` gets each list drawn anew, shape (draws, n).
    """
    n = len(samples[0])
    length = max(map(block_length, samples))
    rng = np.random.default_rng(0)
    values = []
    for start in range(0, draws, _BATCH):
        size = (min(_BATCH, draws - start), -(-n // length), 1)
        places = (rng.integers(0, n, size) + np.arange(length)).reshape(size[0], -1)[:, :n] % n
        values.append(statistic([one[places] for one in samples]))
    low, high = np.quantile(np.concatenate(values), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


@dataclass(frozen=True)
class LogRatio:
    """The natural logarithm of a ratio and its standard error."""

    value: float
    error: float


def log_ratio(baseline: Samples, mine: Samples) -> LogRatio:
    """The logarithm of how many times faster `mine` is, of pairs from the same blocks.

    The median of the pairs; the error is that of the interval of `median`, so correlated pairs
    and a few spoilt ones are allowed for.
    """
    found = median(np.log(baseline / mine))
    return LogRatio(found.value, (found.high - found.low) / 2 / student(len(mine) - 1))
