"""A length of time as people read it."""

from __future__ import annotations


def clock(seconds_s: float) -> str:
    """`1:05` minutes, from an hour on `2:01:05`."""
    minutes, rest = divmod(round(max(seconds_s, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
