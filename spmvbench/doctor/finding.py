"""What a probe has found, and how much it would spoil a measurement."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """`warning`: times taken now would mislead; `note`: know it, or mend it before comparing."""

    ok = "ok"
    note = "note"
    warning = "warning"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    `seen`: in which state it is; `why`: what it does to a measurement; `fix`: the command that
    would change it, which nobody runs but the user; empty where all is well.
    """

    topic: str
    severity: Severity
    seen: str
    why: str
    fix: str = ""


@dataclass(frozen=True)
class Topic:
    """What is looked at, and why it matters whatever is seen."""

    name: str
    why: str

    def ok(self, seen: str) -> Finding:
        """Nothing to mend."""
        return Finding(self.name, Severity.ok, seen, self.why)

    def note(self, seen: str, fix: str) -> Finding:
        """Times are right here and may differ elsewhere."""
        return Finding(self.name, Severity.note, seen, self.why, fix)

    def warning(self, seen: str, fix: str) -> Finding:
        """Times would mislead."""
        return Finding(self.name, Severity.warning, seen, self.why, fix)
