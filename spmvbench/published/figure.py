"""One number for a claim, of the rows of a results folder: what was seen here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from spmvbench.claim import Claim
from spmvbench.published.claim import BEST, SIZE, Publication, Published
from spmvbench.stats import Interval
from spmvbench.targets.contest import Contest, Unmeasured

COLUMNS = ("format", "value_dtype")


@dataclass(frozen=True)
class Figure:
    """What was seen, over how many of the sizes that the claim is about.

    `rivals`: the formats compared with, `stored`: the types that those store values in.
    """

    value: Interval
    sizes: int
    rivals: tuple[str, ...] = ()
    stored: tuple[str, ...] = ()


def figure(
    claim: Published, all_of: Publication, known: Sequence[Contest], rival: str
) -> Figure | None:
    """The worst of the claim's densities; None where one of them has no number.

    Other sizes than the authors' count only where there are no others.
    `rival`: the format that is compared with, or one of `spmvbench.claim.GROUPS`.
    """
    found = []
    for density in claim.densities:
        fitting = [c for c in known if _fits(c, claim, all_of) and c.has_density(density)]
        counted = [c for c in fitting if c.shape in all_of.shapes] or fitting
        one = _over_sizes(claim, all_of, _with_most_threads(counted), rival)
        if one is None:
            return None
        found.append(one)
    return min(found, key=lambda one: one.value.value)


def _fits(contest: Contest, claim: Published, all_of: Publication) -> bool:
    """Whether it is the problem, and unless bytes are asked for the condition, of the claims."""
    row = contest.any
    same = row.dtype == all_of.dtype and row.pattern == all_of.pattern and not row.source
    if claim.quantity == SIZE:
        return bool(same)
    return bool(same and row.batch == all_of.batch and row.cache == all_of.cache)


def _with_most_threads(contests: Sequence[Contest]) -> list[Contest]:
    most = max((contest.any.threads for contest in contests), default=0)
    return [contest for contest in contests if contest.any.threads == most]


def _over_sizes(
    claim: Published, all_of: Publication, contests: Iterable[Contest], rival: str
) -> Figure | None:
    found, sizes, others = [], set(), []
    for contest in contests:
        try:
            mine = contest.timed(all_of.format)
            other = contest.rival(Claim(all_of.format, rival, 0.0), mine) if rival else mine
        except Unmeasured:
            continue
        found.append(_faster(mine, other) if rival else _smaller(mine))
        sizes.add(contest.shape)
        others += [other] if rival else []
    if not found:
        return None
    names, stored = (tuple(dict.fromkeys(getattr(o, key) for o in others)) for key in COLUMNS)
    return Figure(_joined(found, claim.over), len(sizes & all_of.shapes), names, stored)


def _joined(found: Sequence[Interval], over: str) -> Interval:
    """Median, or best, of the values and of the ends: wider than the interval of the median is."""
    pick: Callable[[Iterable[float]], float] = max if over == BEST else median
    return Interval(*(pick(getattr(one, end) for one in found) for end in ("value", "low", "high")))


def _faster(mine: Any, other: Any) -> Interval:
    """Times of one timing; the far ends of both intervals, as if the two had nothing in common."""
    return Interval(
        other.median_us / mine.median_us,
        other.ci_low_us / mine.ci_high_us,
        other.ci_high_us / mine.ci_low_us,
    )


def _smaller(row: Any) -> Interval:
    ratio = float(row.dense_bytes / row.packed_bytes)
    return Interval(ratio, ratio, ratio)
