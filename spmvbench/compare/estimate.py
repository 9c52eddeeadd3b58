"""From rows to the logarithm of a time or of a speed-up, and how well it is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, nan
from statistics import median

from spmvbench.record import Record
from spmvbench.stats import student


@dataclass(frozen=True)
class Estimate:
    """A natural logarithm. `variance` is that between single launches; NaN when there is one.

    `within`: the standard error that the samples of that one launch leave.
    """

    value: float
    launches: int
    variance: float = nan
    within: float = 0.0


def time(rows: Sequence[Record]) -> Estimate | None:
    """Of the median time, over all launches of the rows; None without one."""
    return _joined([_one(r, r.median_us, r.ci_low_us, r.ci_high_us) for r in rows])


def against_baseline(rows: Sequence[Record]) -> Estimate | None:
    """Of the time as a multiple of the baseline's; None without a speed-up."""
    return _joined([_inverse(_one(r, r.speedup, r.speedup_low, r.speedup_high)) for r in rows])


def _one(
    row: Record, value: float | None, low: float | None, high: float | None
) -> Estimate | None:
    """A row says it in its interval, which is Student's where it is of several launches."""
    if row.status != "ok" or not value or value <= 0:
        return None
    known = bool(low and high and low > 0)
    reach = log((high or 0) / (low or 1)) / 2 if known else 0.0
    n = row.launches or 1
    if n == 1:
        return Estimate(log(value), 1, within=reach / student(1e6))
    middle = log((low or 0) * (high or 0)) / 2 if known else log(value)
    return Estimate(middle, n, variance=n * (reach / student(n - 1)) ** 2)


def _inverse(found: Estimate | None) -> Estimate | None:
    return found and Estimate(-found.value, found.launches, found.variance, found.within)


def _joined(found: Sequence[Estimate | None]) -> Estimate | None:
    """All launches as one list: its mean and variance follow from those of its parts.

    What samples leave uncertain is that of the launch in the middle: one launch in which something
    else ran has samples so far apart that their mean over launches would hide any change.
    """
    parts = [one for one in found if one]
    if len(parts) < 2:
        return parts[0] if parts else None
    n = sum(one.launches for one in parts)
    mean = sum(one.launches * one.value for one in parts) / n
    squares = sum(one.launches * (one.value - mean) ** 2 for one in parts)
    squares += sum((one.launches - 1) * one.variance for one in parts if one.launches > 1)
    within = median(one.within for one in parts)
    return Estimate(mean, n, squares / (n - 1), within)
