"""Launch both sides in turn, compare, and launch again what looks slower."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from spmvbench.compare import Comparison, Options, compare, read_side
from spmvbench.gate.alternate import BASE, LEAST, NEW, Launched, alternate
from spmvbench.gate.confirm import confirmed, suspects

FIRST_SHARE = 2 / 3
"""Of the budget; the rest is kept for fresh launches of what looks slower."""


class Launch(Protocol):
    """Measures one side in a fresh process; rows land below `out`. `only`: formats, or all."""

    def __call__(self, side: str, out: Path, only: Sequence[str]) -> None:
        """Return when it is done."""


@dataclass(frozen=True)
class Outcome:
    """The verdict, and the launches that it is from; `again`: None where nothing looked slower."""

    comparison: Comparison
    first: Launched
    again: Launched | None
    budget_s: float

    @property
    def over_s(self) -> float:
        """Seconds by which the least number of launches was longer than the budget; 0 if not."""
        sets = [self.first, *([self.again] if self.again else [])]
        over_s = sum(one.seconds_s for one in sets) - self.budget_s
        return over_s if over_s > 0 and any(one.per_side == LEAST for one in sets) else 0.0


def judge(
    launch: Launch,
    folder: Path,
    budget_s: float,
    options: Options,
    *,
    clock: Callable[[], float],
    say: Callable[[str], None],
) -> Outcome:
    """The verdict on two sides. Every launch has a results folder of its own below `folder`."""

    def measured(name: str, time_s: float, only: Sequence[str]) -> tuple[Comparison, Launched]:
        def numbered(side: str, number: int) -> None:
            launch(side, folder / name / side / str(number), only)

        launched = alternate(numbered, time_s, clock)
        base, new = (read_side([folder / name / side]) for side in (BASE, NEW))
        return compare(base, new, options), launched

    comparison, first = measured("first", FIRST_SHARE * budget_s, ())
    slower = suspects(comparison)
    if not slower:
        return Outcome(comparison, first, None, budget_s)
    say(f"fresh launches of what looks slower: {', '.join(slower)}")
    fresh, again = measured("fresh", budget_s - first.seconds_s, slower)
    return Outcome(confirmed(comparison, fresh), first, again, budget_s)
