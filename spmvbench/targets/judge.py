"""From claims and a results folder to lines: which problems a claim is about, and its verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from spmvbench.claim import Claim, Targets
from spmvbench.records import environments, samples
from spmvbench.stats import Interval, Samples, ratio_of_medians
from spmvbench.summary.layout import SHAPE
from spmvbench.targets.contest import Contest, Unmeasured, contests
from spmvbench.targets.line import Line

NO_ROW = "the run has no such row; add the case to the experiment and run it again"


def judge(records: pd.DataFrame, targets: Targets, folder: Path) -> list[Line]:
    """A line for each claim and problem it is about, also where nothing can be said.

    `records` are rows of the results folder `folder`, whose raw samples are compared.
    Raises: ResultsError without any row, or without their samples.
    """
    known = list(contests(records, environments(folder)))
    lines: list[Line] = []
    for claim in targets.claims:
        for where, found in _asked(claim, known):
            lines += [_judged(claim, contest, targets, folder) for contest in found]
            if not found:
                lines.append(_line(claim, known[0].tier(claim.format), targets, where))
    return lines


def _line(claim: Claim, tier: str, targets: Targets, where: Mapping[str, str]) -> Line:
    """What is asked, before anything was compared."""
    share = targets.share(tier)
    beyond = claim.beyond * share if claim.beyond and share else None
    return Line(claim, where, tier, claim.at_least * share, beyond, reason=NO_ROW)


def _asked(
    claim: Claim, known: Sequence[Contest]
) -> Iterator[tuple[Mapping[str, str], list[Contest]]]:
    """Every combination that is asked for by name, with its problems: there may be none.

    What is not named is taken from the rows, so only those combinations that were measured.
    """
    for threads in claim.threads or [None]:
        for shape in claim.shapes or dict.fromkeys(c.shape for c in known):
            for density in claim.densities or [None]:
                where = {SHAPE: f"{shape[0]} x {shape[1]}"}
                where |= {"density": "all" if density is None else f"{density:g}"}
                where |= {"threads": "all" if threads is None else str(threads)}
                yield (
                    where,
                    [
                        contest
                        for contest in known
                        if contest.shape == shape
                        and (density is None or contest.has_density(density))
                        and (threads is None or contest.has_threads(threads))
                    ],
                )


def _judged(claim: Claim, contest: Contest, targets: Targets, folder: Path) -> Line:
    line = _line(claim, contest.tier(claim.format), targets, contest.where)
    try:
        mine = contest.timed(claim.format)
        if claim.than is None:
            return replace(line, measured=_bandwidth(mine), reason="")
        rival = contest.rival(claim, mine)
    except Unmeasured as unmeasured:
        return replace(line, reason=str(unmeasured))
    launches = [int(count) for count in mine.launch_samples.split(";") if count]
    ratio = ratio_of_medians(_samples(rival, folder), _samples(mine, folder), launches)
    return replace(line, rival=rival.format, measured=ratio, reason="")


def _bandwidth(row: Any) -> Interval:
    if not row.bandwidth_share > 0:
        raise Unmeasured("the read bandwidth is not known")
    return Interval(row.bandwidth_share, row.share_low, row.share_high)


def _samples(row: Any, folder: Path) -> Samples:
    return samples(folder, int(row.samples_offset), int(row.samples))
