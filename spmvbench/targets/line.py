"""A line of the table of targets: one claim on one problem, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from spmvbench.claim import Claim
from spmvbench.stats import Interval

BEYOND, MET, SHORT, MISSED, NOT_MEASURED = "beyond", "met", "short", "missed", "not measured"

VERDICTS = {
    BEYOND: "the ratio is at least what was called better than expected",
    MET: "the ratio is at least the target",
    SHORT: "the ratio is below the target, which its 95 % interval reaches",
    MISSED: "the whole interval is below the target",
    NOT_MEASURED: "a format has no time there, or the two were not timed together",
}
"""Every verdict and what it means; a target of 0 asks for right products only, which meet it."""

PASSED = (BEYOND, MET)


@dataclass(frozen=True)
class Line:
    """What was asked of which problem, and what was measured; `reason`: why nothing was.

    `where`: column -> words, of the problem and its condition. `rival`: the format compared with.
    `at_least`, `beyond`: of this machine's tier.
    """

    claim: Claim
    where: Mapping[str, str] = field(default_factory=dict)
    tier: str = ""
    at_least: float = 0.0
    beyond: float | None = None
    rival: str = ""
    measured: Interval | None = None
    reason: str = ""

    @property
    def verdict(self) -> str:
        """One of `VERDICTS`."""
        if self.measured is None:
            return NOT_MEASURED
        if self.measured.value < self.at_least:
            return SHORT if self.measured.high >= self.at_least else MISSED
        return BEYOND if self.beyond and self.measured.value >= self.beyond else MET
