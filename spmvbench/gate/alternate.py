"""Which side is launched when: A B, B A, A B ... until the time is up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

BASE, NEW = "base", "new"

LEAST = 3
"""Launches per side: fewer do not tell how far launches of the same code lie apart."""


@dataclass(frozen=True)
class Launched:
    """How many launches each side had, and how long all took together."""

    per_side: int
    seconds_s: float


def alternate(
    launch: Callable[[str, int], None], budget_s: float, clock: Callable[[], float]
) -> Launched:
    """Launch pairs for as long as another one fits, at least `LEAST`.

    `launch` gets the side and the number of the pair. Every second pair is turned round, so that
    neither side is always the later one when the machine becomes warmer or busier. A pair is
    expected to take as long as the one before: the first one may have compiled its kernels.
    """
    start = before = clock()
    pairs = 0
    while True:
        for side in (NEW, BASE) if pairs % 2 else (BASE, NEW):
            launch(side, pairs + 1)
        pairs += 1
        now = clock()
        if pairs >= LEAST and now - start + (now - before) > budget_s:
            return Launched(pairs, now - start)
        before = now
