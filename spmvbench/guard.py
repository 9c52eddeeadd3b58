"""The one place where a format may raise anything: what went wrong becomes a status and a line."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from spmvbench.errors import UserError

T = TypeVar("T")


@dataclass(frozen=True)
class Failure:
    """Why a format has no time: a status of `record.STATUSES` and one line."""

    status: str
    reason: str
    max_error: float | None = None


def guard(work: Callable[[], T]) -> T | Failure:
    """The result, or what went wrong: the one place where a format may raise anything."""
    try:
        return work()
    except MemoryError as error:
        return Failure(
            "oom", f"out of memory: {one_line(str(error)) or 'an allocation was refused'}"
        )
    except UserError as error:
        return Failure("error", one_line(str(error)))
    except (Exception, SystemExit) as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(frame.filename).name}:{frame.lineno}"
        return Failure("error", one_line(f"{type(error).__name__}: {error} ({place})"))


def one_line(text: str) -> str:
    """The text without line breaks, of a length that fits a cell, writable as UTF-8."""
    clean = text.encode("utf-8", "backslashreplace").decode()
    return " ".join(clean.split())[:300]
