"""Launch both sides in turn, compare, and launch again what looks slower."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from spmvbench.compare import Comparison, Options, compare, read_side
from spmvbench.gate.alternate import BASE, LEAST, NEW, Launched, alternate
from spmvbench.gate.confirm import confirmed, suspects
from spmvbench.gate.pace import steadied

FIRST_SHARE = 0.6
"""Of the budget; the rest is kept for fresh launches of what looks slower."""


TOO_SMALL = "{} launches of each side are the least: {:.0f} s of a budget of {:.0f} s"


class Launch(Protocol):
    """Measures one side in a fresh process; rows land below `out`. `only`: formats, or all."""

    def __call__(self, side: str, out: Path, only: Sequence[str]) -> None:
        """Return when it is done."""


def judge(
    launch: Launch,
    folder: Path,
    budget_s: float,
    options: Options,
    *,
    clock: Callable[[], float],
    say: Callable[[str], None],
) -> Comparison:
    """The verdict on two sides. Every launch has a results folder of its own below `folder`."""

    def measured(name: str, time_s: float, only: Sequence[str]) -> tuple[Comparison, Launched]:
        def numbered(side: str, number: int) -> None:
            launch(side, folder / name / side / str(number), only)

        launched = alternate(numbered, time_s, clock)
        base, new = (
            read_side([folder / name / side / str(1 + pair) for pair in range(launched.per_side)])
            for side in (BASE, NEW)
        )
        return compare(*steadied(base, new), options), launched

    comparison, first = measured("first", FIRST_SHARE * budget_s, ())
    say(f"{first.per_side} launches of each side in {first.seconds_s:.0f} s")
    spent_s, fewest = first.seconds_s, first.per_side
    if slower := suspects(comparison):
        say(f"fresh launches of what looks slower: {', '.join(slower)}")
        fresh, again = measured("fresh", budget_s - spent_s, slower)
        say(f"{again.per_side} fresh launches of each side in {again.seconds_s:.0f} s")
        comparison = confirmed(comparison, fresh)
        spent_s, fewest = spent_s + again.seconds_s, min(fewest, again.per_side)
    if fewest > LEAST or spent_s <= budget_s:
        return comparison
    return replace(
        comparison, notes=[*comparison.notes, TOO_SMALL.format(LEAST, spent_s, budget_s)]
    )
