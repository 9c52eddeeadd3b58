"""What formats print: it goes to standard error, which of a worker is a file."""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from typing import Any

_IOLBF = 1
_STDOUT = "__stdoutp" if sys.platform == "darwin" else "stdout"


def by_lines() -> None:
    """Let each line that Python or C prints come out at once: a crash then leaves them all."""
    reconfigure: Any = getattr(sys.stdout, "reconfigure", None)
    if reconfigure:
        reconfigure(line_buffering=True)
    c = ctypes.CDLL(None)
    try:
        stdout = ctypes.c_void_p.in_dll(c, _STDOUT)
    except ValueError:
        return
    c.setvbuf(stdout, None, _IOLBF, ctypes.c_size_t(0))


class Printed:
    """What has been printed since; nothing where standard error is no file."""

    def __init__(self) -> None:
        """From here on."""
        self._start = _size()

    def text(self) -> str:
        """It, up to now."""
        if self._start is None:
            return ""
        raw = os.pread(2, (_size() or 0) - self._start, self._start)
        return raw.decode(errors="replace")


def _size() -> int | None:
    try:
        found = os.fstat(2)
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None
