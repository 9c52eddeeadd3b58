"""Findings as text and as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict

from spmvbench.doctor.finding import Finding, Severity

_ORDER = (Severity.warning, Severity.note, Severity.ok)


def as_text(findings: Sequence[Finding], width: int) -> str:
    """The worst first: a line each, and for what is not well why it matters and what mends it.

    `width`: characters of a line; what is longer goes on below its own beginning.
    """
    topic = max(len(one.topic) for one in findings)
    lines = []
    for severity in _ORDER:
        for one in findings:
            if one.severity is not severity:
                continue
            lines += _wrapped(f"{severity:<8} {one.topic:<{topic}}  ", one.seen, width)
            if one.fix:
                for name, text in (("why", one.why), ("fix", one.fix)):
                    lines += _wrapped(f"{'':<8} {name}: ", text, width)
    return "\n".join([*lines, "", f"{counts(findings)}; nothing was changed"])


def _wrapped(start: str, text: str, width: int) -> list[str]:
    """Broken at spaces alone: what is to be pasted, as an option or a path, stays whole."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_on_hyphens=False,
        break_long_words=False,
    )


def counts(findings: Sequence[Finding]) -> str:
    """`1 warning, 2 notes, 14 ok`."""
    warnings, notes, fine = (sum(one.severity is s for one in findings) for s in _ORDER)
    return f"{_many(warnings, 'warning')}, {_many(notes, 'note')}, {fine} ok"


def as_json(findings: Sequence[Finding]) -> str:
    """A list of findings with the fields of `Finding`, in the order they were looked at."""
    return json.dumps([asdict(one) for one in findings], indent=2)


def _many(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
