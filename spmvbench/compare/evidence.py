"""Which differences are more than noise: intervals that all cases of a comparison keep together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spmvbench.compare.estimate import Estimate

Floats = npt.NDArray[np.float64]

BETWEEN_LAUNCHES = 0.05
"""Standard deviation of the logarithm between process starts where no side says it.

Identical source has measured 9 % apart in two starts: 1.3 standard deviations of the difference.
"""

_LEAST_VARIANCE = 1e-12
"""Tables keep seven digits: launches that agree to the last one differ by less than that."""


@dataclass(frozen=True)
class Evidence:
    """Per case: the logarithm of new / base, and how far its interval reaches on each side."""

    value: Floats
    reach: Floats


def evidence(base: Sequence[Estimate], new: Sequence[Estimate], confidence: float) -> Evidence:
    """Welch's t over launches, corrected after Holm for the number of cases.

    The interval of a case excludes 0 exactly when Holm's procedure rejects that it is 0.
    """
    from scipy.special import stdtr, stdtrit

    value = np.array([n.value - b.value for b, n in zip(base, new, strict=True)])
    error, dof = _welch(base, new)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(value == 0, 0.0, np.abs(value) / error)
    p = 2 * stdtr(dof, -t)
    level = _holm(p, 1 - confidence)
    return Evidence(value, -stdtrit(dof, level / 2) * error)


def _holm(p: Floats, alpha: float) -> Floats:
    """The level each is tested at: alpha / m, alpha / (m - 1), ... until the first that holds."""
    m = len(p)
    order = np.argsort(p, kind="stable")
    levels = alpha / np.arange(m, 0, -1)
    holds = p[order] > levels
    if holds.any():
        levels = np.minimum(levels, levels[np.argmax(holds)])
    found = np.empty(m)
    found[order] = levels
    return found


def _welch(base: Sequence[Estimate], new: Sequence[Estimate]) -> tuple[Floats, Floats]:
    """Standard error of each difference, and its degrees of freedom."""
    both = [*base, *new]
    launches = np.array([one.launches for one in both], dtype=float)
    raw = np.array([one.variance for one in both])
    within = np.array([one.within for one in both])
    variance, dof = _between(raw, launches - 1)
    single = launches == 1
    square = np.where(single, variance + within**2, np.maximum(variance, within**2)) / launches
    mine, theirs = np.split(square, 2)
    whole = mine + theirs
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [part**2 / own for part, own in zip((mine, theirs), np.split(dof, 2), strict=True)]
        joint = np.where(whole > 0, whole**2 / sum(parts), np.inf)
    return np.sqrt(whole), np.minimum(joint, 1e6)


def _between(variance: Floats, dof: Floats) -> tuple[Floats, Floats]:
    """Variance between launches of each case on each side, and how many degrees that is worth.

    Where a case has one launch, it is that of the cases that have more; where none has, a constant.
    """
    several = dof > 0
    found, worth = np.full(len(dof), BETWEEN_LAUNCHES**2), np.full(len(dof), np.inf)
    if not several.any():
        return found, worth
    seen = np.maximum(variance[several], _LEAST_VARIANCE)
    own = dof[several]
    found[:], worth[:] = np.average(seen, weights=own), own.sum()
    prior, prior_dof = _prior(seen, own)
    found[several] = (
        prior if np.isinf(prior_dof) else (prior_dof * prior + own * seen) / (prior_dof + own)
    )
    worth[several] = prior_dof + own
    return found, worth


def _prior(variance: Floats, dof: Floats) -> tuple[float, float]:
    """What the variances of all cases tell about that of one, and the launches that is worth.

    Two or three launches give a variance that is off by a factor; with many cases alike, theirs
    steady it, and where they are not alike, their prior is worth little. No prior below 8.
    Source: Smyth 2004, Linear models and empirical Bayes methods (limma).
    """
    from scipy.special import digamma, polygamma

    if len(variance) < 8:
        return 0.0, 0.0
    logs = np.log(variance) - digamma(dof / 2) + np.log(dof / 2)
    excess = logs.var(ddof=1) - np.mean(polygamma(1, dof / 2))
    if excess <= 0:
        return float(np.exp(logs.mean())), np.inf
    half = _trigamma_inverse(excess)
    return float(np.exp(logs.mean() + digamma(half) - np.log(half))), 2 * half


def _trigamma_inverse(wanted: float) -> float:
    from scipy.optimize import brentq
    from scipy.special import polygamma

    return float(brentq(lambda half: polygamma(1, half) - wanted, 1e-4, 1e8))
