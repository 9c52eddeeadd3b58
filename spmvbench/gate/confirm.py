"""What looks slower is judged by launches of its own, before it is called so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from spmvbench.compare import SLOWER, Comparison, Line

REFUTED = "looked {percent:.1f} % slower in the first launches, not so in fresh ones"


def suspects(first: Comparison) -> tuple[str, ...]:
    """The formats of which a case looks slower."""
    return tuple(dict.fromkeys(line.format for line in first.lines if line.verdict == SLOWER))


def confirmed(first: Comparison, fresh: Comparison) -> Comparison:
    """The first comparison, in which every case that looked slower has its fresh line instead.

    Of many cases those that look slowest are also those that had the worst luck; fresh launches
    have not been chosen by their result.
    """
    again = {_identity(line): line for line in fresh.lines}
    lines = [_settled(line, again.get(_identity(line))) for line in first.lines]
    return replace(first, lines=lines)


def _settled(line: Line, fresh: Line | None) -> Line:
    if line.verdict != SLOWER or fresh is None or fresh.verdict == SLOWER:
        return fresh if fresh and line.verdict == SLOWER else line
    return replace(fresh, reason=REFUTED.format(percent=100 * (line.ratio - 1)))


def _identity(line: Line) -> tuple[str, str, str]:
    return line.experiment, line.device, line.case
