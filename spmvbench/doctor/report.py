"""Findings as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from spmvbench.doctor.finding import Finding, Severity

_ORDER = (Severity.warning, Severity.note, Severity.ok)


def as_text(findings: Sequence[Finding]) -> str:
    """The worst first: a line each, and for what is not well why it matters and what mends it."""
    width = max(len(one.topic) for one in findings)
    lines = []
    for severity in _ORDER:
        for one in findings:
            if one.severity is not severity:
                continue
            lines.append(f"{severity:<8} {one.topic:<{width}}  {one.seen}")
            if one.fix:
                gap = " " * (9 + width)
                lines += [f"{gap}  why: {one.why}", f"{gap}  fix: {one.fix}"]
    return "\n".join([*lines, "", f"{counts(findings)}; nothing was changed"])


def counts(findings: Sequence[Finding]) -> str:
    """`1 warning, 2 notes, 14 ok`."""
    warnings, notes, fine = (sum(one.severity is s for one in findings) for s in _ORDER)
    return f"{_many(warnings, 'warning')}, {_many(notes, 'note')}, {fine} ok"


def as_json(findings: Sequence[Finding]) -> str:
    """A list of findings with the fields of `Finding`, in the order they were looked at."""
    return json.dumps([asdict(one) for one in findings], indent=2)


def _many(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
