"""What is odd about a list of samples: it drifts, has two heights, or a tail."""

from __future__ import annotations

import numpy as np

from spmvbench.stats.interval import Samples

DRIFT_SHARE = 0.02
DRIFT_P = 1e-3

VALLEY_SHARE = 0.02
VALLEY_P = 1e-3

FAR_OUT = 3.0
OUTLIER_SHARE = 0.05


def drifts(samples: Samples) -> bool:
    """Whether the second half differs from the first by more than 2 % and by more than chance."""
    from scipy.stats import mannwhitneyu

    half = len(samples) // 2
    first, second = samples[:half], samples[half:]
    if half < 4 or abs(np.median(second) / np.median(first) - 1) <= DRIFT_SHARE:
        return False
    return bool(mannwhitneyu(first, second).pvalue < DRIFT_P)


def bimodal(samples: Samples) -> bool:
    """Whether the samples have two heights, more than 2 % apart, with a valley between them.

    The samples are split in two where that leaves the least variance. With one height, the middle
    third of the way from one mean to the other holds at least as many samples as the emptier of
    two stretches of that length around the means; a sign test says whether it holds too few.
    """
    from scipy.special import bdtr

    logs = np.sort(np.log(samples))
    low, high = _two_means(logs)
    third = (high - low) / 3
    if third * 3 <= VALLEY_SHARE:
        return False
    starts = np.array([low - third / 2, low + third, high - third / 2])
    left, valley, right = np.diff(np.searchsorted(logs, np.stack([starts, starts + third], 1)))[
        :, 0
    ]
    peak = min(left, right)
    return bool(bdtr(float(valley), int(valley + peak), 0.5) < VALLEY_P)


def _two_means(ordered: Samples) -> tuple[float, float]:
    """The means of the two parts of an ordered list that leave the least variance inside them."""
    n = len(ordered)
    if n < 2:
        return float(ordered[0]), float(ordered[0])
    sums, counts = np.cumsum(ordered)[:-1], np.arange(1, n)
    rest = ordered.sum() - sums
    best = int(np.argmax(sums**2 / counts + rest**2 / (n - counts)))
    return float(sums[best] / counts[best]), float(rest[best] / (n - counts[best]))


def outlier_share(samples: Samples) -> float:
    """The share of samples further than 3 interquartile ranges outside the quartiles, of logs.

    Normal and log-normal samples have 2 in a million there. Source: Tukey 1977, "far out".
    """
    logs = np.log(samples)
    low, high = np.quantile(logs, [0.25, 0.75])
    reach = FAR_OUT * max(high - low, np.finfo(np.float32).eps)
    return float(np.mean((logs < low - reach) | (logs > high + reach)))
