"""Which differences are more than noise: intervals that all cases of a comparison keep together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spmvbench.compare.estimate import Estimate

Floats = npt.NDArray[np.float64]

BETWEEN_LAUNCHES = 0.05
"""Standard deviation of the logarithm between process starts where there are too few to tell.

Identical source has measured 9 % apart in two starts: 1.3 standard deviations of the difference.
"""

ENOUGH = 4
"""Degrees of freedom of both sides together from which on launches are trusted for their spread."""

PRIOR_CASES = 10
PRIOR_WORTH = 4.0
"""See `_prior`: from how many cases on there is one, and what it is worth at most."""

_LEAST_VARIANCE = 1e-12
"""Tables keep seven digits: launches that agree to the last one differ by less than that."""


@dataclass(frozen=True)
class Evidence:
    """Per case: the logarithm of new / base, and how far its interval reaches on each side."""

    value: Floats
    reach: Floats


def evidence(base: Sequence[Estimate], new: Sequence[Estimate], confidence: float) -> Evidence:
    """Welch's t over launches, with what lies between them from `_between`.

    The intervals are corrected after Holm for the number of cases.
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
    sides = (base, new)
    launches = np.array([[one.launches for one in side] for side in sides], dtype=float)
    within = np.array([[one.within for one in side] for side in sides])
    raw = np.nan_to_num(np.array([[one.variance for one in side] for side in sides]))
    variance, worth, most = _between(raw, launches - 1)
    square = np.where(launches > 1, np.maximum(variance, within**2), variance + within**2)
    square /= launches
    whole = square.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        joint = np.where(whole > 0, whole**2 / (square**2 / worth).sum(axis=0), np.inf)
    return np.sqrt(whole), np.minimum(np.minimum(joint, most), 1e6)


def _between(variance: Floats, dof: Floats) -> tuple[Floats, Floats, Floats]:
    """Variance between launches of each side and case, what it is worth, and both sides together.

    Below three launches a side it is a constant, or what was seen where that is more. A side with
    one launch beside one with many takes theirs.
    """
    own = dof.sum(axis=0)
    pooled = (dof * variance).sum(axis=0) / np.maximum(own, 1)
    enough = own >= ENOUGH
    prior, prior_dof = _prior(pooled[enough], own[enough])
    whole = np.where(dof > 0, dof, own)
    seen = np.where(dof > 0, variance, pooled)
    mine = (prior_dof * prior + whole * seen) / np.maximum(prior_dof + whole, 1)
    constant = np.maximum(BETWEEN_LAUNCHES**2, pooled)
    worth, most = (np.where(enough, prior_dof + own_dof, np.inf) for own_dof in (whole, own))
    return np.where(enough, mine, constant), worth, most


def _prior(variance: Floats, dof: Floats) -> tuple[float, float]:
    """What the variances of all cases tell of that of one, and the degrees of freedom it is worth.

    Three launches give a variance that is off by a factor; that of many cases steadies it. It is
    worth 4 at most: variances that are not alike look alike when little is known of each, and
    noise would be called a difference too often (in simulations in 10 % of comparisons, not 5 %).
    Source: Smyth 2004, Linear models and empirical Bayes methods (limma).
    """
    from scipy.special import digamma, polygamma

    if len(variance) < PRIOR_CASES:
        return 0.0, 0.0
    logs = np.log(np.maximum(variance, _LEAST_VARIANCE)) - digamma(dof / 2) + np.log(dof / 2)
    excess = logs.var(ddof=1) - np.mean(polygamma(1, dof / 2))
    half = _trigamma_inverse(excess) if excess > 0 else np.inf
    shift = digamma(half) - np.log(half) if np.isfinite(half) else 0.0
    return float(np.exp(logs.mean() + shift)), min(2 * half, PRIOR_WORTH)


def _trigamma_inverse(wanted: float) -> float:
    from scipy.optimize import brentq
    from scipy.special import polygamma

    return float(brentq(lambda half: polygamma(1, half) - wanted, 1e-4, 1e8))
