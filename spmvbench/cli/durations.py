"""Lengths of time as options give them."""

from __future__ import annotations

import re

from spmvbench.errors import UserError

_UNITS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600}


def seconds(text: str, option: str) -> float:
    """The seconds of `90`, `90s`, `3m` or `1.5h`.

    Raises: UserError for what is no such length of time.
    """
    parts = re.fullmatch(r"(\d+(?:\.\d+)?) ?(s|m|min|h)?", text.strip())
    if not parts:
        raise UserError(f"{option} {text}: expected a length of time, as 90, 90s, 3m or 1.5h")
    return float(parts[1]) * _UNITS[parts[2] or ""]
