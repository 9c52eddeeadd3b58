"""Which conditions get which figures, when there are too many to draw in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from spmvbench.curves import Condition, Part

MOST_ROWS, MOST_CONDITIONS = 6_000, 8
"""With more of either, only the largest condition gets every figure."""

HEADLINES = 2
"""Conditions that then get the figure of speed-ups alone, the largest first."""


@dataclass(frozen=True)
class Choice:
    """Parts with all figures, with the headline alone, and with none."""

    full: Sequence[Part]
    headline: Sequence[Part] = ()
    left_out: Sequence[Part] = ()

    def has(self, condition: Condition) -> bool:
        """Whether a part over all batches belongs to one with all figures."""
        return any(replace(part.condition, batch=None) == condition for part in self.full)

    def __str__(self) -> str:
        """What was not drawn, in one line; "" for nothing."""
        words = [
            f"{name} of {_listed(found)}"
            for name, found in (("only speed-ups", self.headline), ("nothing", self.left_out))
            if found
        ]
        return f"drew {', '.join(words)}; 'spmvbench plot --all' draws all" if words else ""


def choose(found: Sequence[Part]) -> Choice:
    """All figures of all parts, while they are few; else of the one with most timed rows."""
    timed = [part for part in found if len(part.timed)]
    if len(timed) <= MOST_CONDITIONS and sum(len(part.timed) for part in timed) <= MOST_ROWS:
        return Choice(found)
    ranked = sorted(timed, key=lambda part: -len(part.timed))
    return Choice(ranked[:1], ranked[1 : 1 + HEADLINES], ranked[1 + HEADLINES :])


def _listed(found: Sequence[Part]) -> str:
    if len(found) > HEADLINES:
        return f"{len(found)} conditions"
    return ", ".join(part.condition.slug for part in found)
