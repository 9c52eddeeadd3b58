"""A value and its interval: of the median of one launch, and over several launches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from spmvbench.stats.dependence import effective_samples

Samples = npt.NDArray[np.float64]

CONFIDENCE = 0.95


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

    Of independent samples these are the ranks n/2 -+ 1.96 sqrt(n)/2; a rank that is no whole number
    lies between two samples. Samples that resemble their neighbours tell as much as fewer that do
    not, `effective_samples`: the ranks are sqrt(n / effective) times as far apart. As that number
    is an estimate, 1.96 is Student's for twice its degrees of freedom, which kept 95 % best.
    Below 7 samples the extremes. Source: Conover, Practical Nonparametric Statistics, section 3.2.
    """
    n = len(samples)
    ordered = np.sort(samples)
    worth = effective_samples(samples)
    apart = student(2 * worth) * n / np.sqrt(worth) / 2
    middle = (n - 1) / 2
    low, high = np.interp((middle - apart, middle + apart), np.arange(n), ordered)
    return Interval(float(np.median(ordered)), float(low), float(high))


def over_launches(values: Sequence[float] | Samples) -> Interval:
    """The median of the launches' positive values, with Student's interval over their logarithms.

    The interval is that of the geometric mean, widened where the median lies outside. With two
    launches it is 12.7 standard errors wide on each side, which is what two tell; one has none.
    """
    logs = np.log(np.asarray(values, dtype=float))
    middle, n = float(np.exp(np.median(logs))), len(logs)
    if n < 2:
        return Interval(middle, float("nan"), float("nan"))
    reach = student(n - 1) * float(np.std(logs, ddof=1)) / np.sqrt(n)
    low, high = np.exp(logs.mean() - reach), np.exp(logs.mean() + reach)
    return Interval(middle, min(float(low), middle), max(float(high), middle))


@lru_cache(maxsize=4096)
def student(dof: float, confidence: float = CONFIDENCE) -> float:
    """How many standard errors the interval reaches on each side."""
    from scipy.special import stdtrit

    return float(stdtrit(dof, (1 + confidence) / 2))
