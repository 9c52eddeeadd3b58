"""What is asked of a comparison, and a line of its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

SAME, FASTER, SLOWER, AMBIGUOUS = "same", "faster", "slower", "ambiguous"
UNMEASURABLE, MISSING, WRONG = "unmeasurable", "missing", "wrong"

VERDICTS = {
    WRONG: "new is wrong, crashes, hangs, fails or runs out of memory; worse where base was right",
    SLOWER: "the whole interval of new / base is above 1",
    FASTER: "the whole interval is below 1",
    AMBIGUOUS: "the interval holds 1, and also a change past the threshold",
    UNMEASURABLE: "the noise floor is above the threshold: such a change would not be seen",
    MISSING: "one side has no row or no time of it",
    SAME: "the interval holds 1 and nothing past the threshold",
}
"""Every verdict and what it means, the worst first."""


@dataclass(frozen=True)
class Options:
    """When a comparison fails.

    `fail_on`: the slow-down, as a share, that the lower end of the interval must be past.
    `absolute_us`: and the microseconds that the difference must be past: one is what a pair of CUDA
    events resolves and about what Python adds to a call, so less is not the format's.
    `confidence`: of all intervals of the comparison together. `across_machines`: compare
    how the times relate to those of the baseline format instead of the times.
    """

    fail_on: float = 0.03
    absolute_us: float = 1.0
    confidence: float = 0.95
    across_machines: bool = False


@dataclass(frozen=True)
class Line:
    """One case on both sides; times in microseconds, NaN where there is none.

    `ratio`: new / base, with the interval that all lines keep together. `noise_floor`: the
    share by which times must differ to be told apart. `worse`: it fails the comparison.
    """

    experiment: str
    device: str
    key: str
    cache: str
    threads: int
    format: str
    verdict: str
    ratio: float = nan
    low: float = nan
    high: float = nan
    base_us: float = nan
    new_us: float = nan
    noise_floor: float = nan
    reason: str = ""
    worse: bool = False

    @property
    def case(self) -> str:
        """`macko 4096x4096/d0.5/float16/uniform/b1/s47 cold 2t`."""
        threads = f" {self.threads}t" if self.threads else ""  # a GPU has none
        return f"{self.format} {self.key} {self.cache}{threads}"


@dataclass(frozen=True)
class Comparison:
    """All lines, the worst first. `incomparable`: why there is none, in one line; `notes`: more."""

    lines: Sequence[Line]
    options: Options
    incomparable: str = ""
    notes: Sequence[str] = ()


def exit_code(comparison: Comparison) -> int:
    """0: nothing is worse; 1: something is; 3: the sides cannot be compared."""
    if comparison.incomparable:
        return 3
    return int(any(line.worse for line in comparison.lines))
