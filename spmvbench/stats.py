"""What a list of samples says: pure functions, times in any one unit, samples in time order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from spmvbench.case import Timing

Samples = npt.NDArray[np.float64]

CONFIDENCE = 0.95
STALL_SAMPLES = 120
STALL_SHRINK = 0.95
DRIFT_SHARE = 0.02
DRIFT_P = 1e-3


@dataclass(frozen=True)
class Interval:
    """A value and its 95 % interval, in the unit of the samples."""

    value: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half of the interval's width as a share of the value."""
        return (self.high - self.low) / 2 / self.value if self.value else float("inf")


def median(samples: Samples) -> Interval:
    """The median with the interval between two order statistics; assumes no distribution.

    Below 6 samples no two order statistics enclose the median in 95 % of cases: then the extremes.
    Source: Conover, Practical Nonparametric Statistics, section 3.2.
    """
    ordered = np.sort(samples)
    low, high = _ranks(len(ordered))
    return Interval(float(np.median(ordered)), float(ordered[low]), float(ordered[high]))


@lru_cache(maxsize=4096)
def _ranks(n: int) -> tuple[int, int]:
    from scipy.stats import binom

    low = max(int(binom.ppf((1 - CONFIDENCE) / 2, n, 0.5)) - 1, 0)
    return low, n - 1 - low


def speedup(baseline: Samples, mine: Samples) -> Interval:
    """How many times faster `mine` is: the median ratio of samples taken in the same block.

    Pairing removes what both suffered alike. 95 % percentile bootstrap over the blocks, seeded.
    """
    ratios = np.log(baseline / mine)
    value = float(np.exp(np.median(ratios)))
    if np.ptp(ratios) == 0:
        return Interval(value, value, value)
    low, high = np.exp(_bootstrapped(np.median, ratios))
    return Interval(value, float(low), float(high))


def ratio_of_medians(baseline: Samples, mine: Samples) -> Interval:
    """How many times as long the median of `baseline` is, as the `median_us` of two rows say.

    The interval is that of `speedup`: whole blocks are drawn, so what both suffered stays paired.
    """

    def ratio(one: Samples, other: Samples, axis: int = -1) -> Samples:
        return np.asarray(np.median(one, axis=axis) / np.median(other, axis=axis))

    low, high = _bootstrapped(ratio, baseline, mine)
    return Interval(float(ratio(baseline, mine)), float(low), float(high))


def _bootstrapped(statistic: Callable[..., Any], *samples: Samples) -> tuple[float, float]:
    """The 95 % interval of a statistic of one list of samples, or of several paired by block."""
    from scipy.stats import bootstrap

    resampled = bootstrap(
        samples,
        statistic,
        vectorized=True,
        paired=len(samples) > 1,
        n_resamples=999,
        batch=100,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    low, high = resampled.confidence_interval
    return low, high


def stop_reason(samples: Samples, timing: Timing) -> str | None:
    """Why sampling may end: `precise`, `stalled` or `budget`; None: go on. Samples in microseconds.

    Stalled: twice the samples should narrow the interval by 0.71; a factor above `STALL_SHRINK`
    says that more samples of this noise will not help. Asked at `STALL_SAMPLES` and its doublings.
    """
    if len(samples) < timing.min_samples:
        return None
    now = median(samples).half_width
    if now <= timing.precision:
        return "precise"
    if _is_doubling(len(samples)):
        before = median(samples[: len(samples) // 2]).half_width
        if now > STALL_SHRINK * before:
            return "stalled"
    return "budget" if samples.sum() >= timing.budget_s * 1e6 else None


def _is_doubling(n: int) -> bool:
    """Asked at every sample, some noise would look stalled sooner or later."""
    return n >= STALL_SAMPLES and n % STALL_SAMPLES == 0 and (n // STALL_SAMPLES).bit_count() == 1


def drifts(samples: Samples) -> bool:
    """Whether the second half differs from the first by more than 2 % and by more than chance."""
    from scipy.stats import mannwhitneyu

    half = len(samples) // 2
    first, second = samples[:half], samples[half:]
    if half < 4 or abs(np.median(second) / np.median(first) - 1) <= DRIFT_SHARE:
        return False
    return bool(mannwhitneyu(first, second).pvalue < DRIFT_P)
