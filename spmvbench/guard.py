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
    """Why a format has no time: a status of `record.STATUSES` and one line.

    `trace`: where it was raised, if it was.
    """

    status: str
    reason: str
    max_error: float | None = None
    trace: str = ""


class ContextLost(BaseException):
    """A kernel has taken the GPU's context with it, and all arrays: this process cannot go on."""


# Source: CUDA Runtime API, cudaError_t: those after which "any further CUDA work will return the
# same error", and the process must be started again.
_STICKY = frozenset({700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 720, 721})


def _require_context(error: BaseException) -> None:
    """Raise ContextLost for what CuPy raises when the context is lost. CuPy is not imported."""
    cause: BaseException | None = error
    while cause is not None:
        names = {kind.__name__ for kind in type(cause).__mro__}
        if names & {"CUDARuntimeError", "CUDADriverError"}:
            if getattr(cause, "status", None) in _STICKY:
                raise ContextLost(one_line(f"the GPU's context is lost: {cause}")) from error
            return
        cause = cause.__cause__ or cause.__context__


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
        _require_context(error)
        reason = one_line(f"{type(error).__name__}: {_said(error)}")
        return Failure("error", reason, trace="".join(traceback.format_exception(error)))


def _said(error: BaseException) -> str:
    """What an exception says, and the file and line that it is from."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.msg} ({Path(error.filename).name}:{error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    frame = next((f for f in reversed(frames) if not f.filename.startswith("<")), frames[-1])
    return f"{error} ({Path(frame.filename).name}:{frame.lineno})"


def one_line(text: str) -> str:
    """The text without line breaks, of a length that fits a cell, writable as UTF-8."""
    clean = text.encode("utf-8", "backslashreplace").decode()
    return " ".join(clean.split())[:300]
