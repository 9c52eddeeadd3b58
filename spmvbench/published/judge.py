"""Reproduced, refuted or not comparable: each claim, by the rows of one results folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from spmvbench.published.claim import MODEL, SIZE, SPEEDUP, Publication, Published, publication
from spmvbench.published.figure import Figure, figure
from spmvbench.targets.contest import Contest, contests

REPRODUCED, REFUTED, NOT_COMPARABLE = "reproduced", "refuted", "not comparable"

VERDICTS = {
    REPRODUCED: "the whole interval is at or above the lower end of what is claimed",
    REFUTED: "the whole interval is below it, under the claim's own conditions",
    NOT_COMPARABLE: "something else was measured, or not precisely enough; the reason says what",
}

ENOUGH = 0.5
"""Share of the sizes from which the median of times may be compared; for bytes one will do."""


@dataclass(frozen=True)
class Finding:
    """A claim, what was seen here, and what that says. `reasons`: why it is not comparable."""

    claim: Published
    seen: Figure | None
    reasons: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """One of `VERDICTS`."""
        if self.reasons or self.seen is None:
            return NOT_COMPARABLE
        return REPRODUCED if self.seen.value.low >= self.claim.low else REFUTED


def judge(records: pd.DataFrame, environments: Mapping[str, Any]) -> list[Finding]:
    """One finding a claim. `records`: rows of one device."""
    all_of = publication()
    known = list(contests(records, environments))
    device = str(records["device"].iloc[0])
    return [_finding(claim, all_of, known, device) for claim in all_of.claims]


def _finding(
    claim: Published, all_of: Publication, known: Sequence[Contest], device: str
) -> Finding:
    if claim.quantity == MODEL:
        return Finding(claim, None, ("a whole model; here single products are measured",))
    seen = figure(claim, all_of, known, claim.than)
    reasons = list(_reasons(claim, all_of, seen, device))
    for near in claim.near if seen is None else ():
        seen = seen or figure(claim, all_of, known, near)
    return Finding(claim, seen, tuple(reasons))


def _reasons(
    claim: Published, all_of: Publication, seen: Figure | None, device: str
) -> Iterator[str]:
    """Why the figure says nothing of the claim, the most general first."""
    if claim.quantity == SPEEDUP and not all_of.measured_on(device):
        gpus = ", ".join(all_of.gpus)
        yield f"claimed for {gpus}; this is {device}"
    if seen is None:
        yield _missing(claim, all_of)
        return
    if seen.sizes < (ENOUGH * len(all_of.shapes) if claim.quantity == SPEEDUP else 1):
        yield f"{seen.sizes} of the {len(all_of.shapes)} sizes were measured"
    if set(seen.stored) - {all_of.dtype}:
        yield f"{', '.join(seen.rivals)} stores {', '.join(seen.stored)} here"
    if seen.value.low < claim.low <= seen.value.high:
        yield f"the interval includes {claim.low:g}: measure longer"


def _missing(claim: Published, all_of: Publication) -> str:
    if claim.quantity == SIZE:
        return f"{all_of.format} was not measured there"
    return f"no {claim.than} was timed beside {all_of.format} there"
