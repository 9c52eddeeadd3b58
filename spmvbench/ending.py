"""The last lines of a command: what was written where, and what may come next."""

from __future__ import annotations

import shlex
from pathlib import Path


def wrote(path: Path, what: str = "") -> str:
    """`wrote PATH`, or `wrote PATH (4 rows)`."""
    return f"wrote {path}" + (f" ({what})" if what else "")


def then(*words: object) -> str:
    """`next: spmvbench verify all`, to paste."""
    return f"next: {shlex.join(['spmvbench', *map(str, words)])}"
