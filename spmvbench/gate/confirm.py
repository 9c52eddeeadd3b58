"""What looks slower is judged by launches of its own, before it is called so."""

from __future__ import annotations

from dataclasses import replace

from spmvbench.compare import VERDICTS, Comparison, Line
from spmvbench.compare.line import SLOWER


def suspects(first: Comparison) -> tuple[str, ...]:
    """The formats of which a case looks slower."""
    return tuple(dict.fromkeys(line.format for line in first.lines if line.verdict == SLOWER))


def confirmed(first: Comparison, fresh: Comparison) -> Comparison:
    """The first comparison, in which every case that looked slower has its fresh line instead.

    Of many cases those that look slowest are also those that had the worst luck; fresh launches
    have not been chosen by their result.
    """
    again = {_identity(line): line for line in fresh.lines}
    lines = [
        _settled(line, again.get(_identity(line), line)) if line.verdict == SLOWER else line
        for line in first.lines
    ]
    order = list(VERDICTS)
    lines.sort(key=lambda line: (not line.worse, order.index(line.verdict)))
    return replace(first, lines=lines)


def _settled(line: Line, fresh: Line) -> Line:
    if fresh.verdict == SLOWER:
        return fresh
    looked = f"looked {line.ratio - 1:.1%} slower at first, not so in fresh launches"
    return replace(fresh, reason="; ".join(filter(None, (looked, fresh.reason))))


def _identity(line: Line) -> tuple[str, str, str]:
    return line.experiment, line.device, line.case
