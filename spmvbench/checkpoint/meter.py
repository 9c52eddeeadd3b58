"""How far a long command is, on standard error: a bar on a terminal, else a line for each file."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


class Meter:
    """Counts bytes. Used in a `with`: the terminal is left as it was, whatever happens."""

    def __init__(self, total: int) -> None:
        """`total`: bytes there are to go through."""
        self._console = Console(stderr=True)
        self._start = time.monotonic()
        self._total, self._done = total, 0
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._progress.add_task("", total=total)

    def __enter__(self) -> Meter:
        """Begin to show."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop showing."""
        self._progress.stop()

    def begin(self, what: str) -> None:
        """A file or a tensor begins."""
        self._progress.update(self._task, description=what)

    def add(self, nbytes: int) -> None:
        """Those bytes are done."""
        self._done += nbytes
        self._progress.advance(self._task, nbytes)

    def say(self, line: str) -> None:
        """A line that stays, where there is no bar."""
        if not self._console.is_terminal:
            passed = time.monotonic() - self._start
            share = self._done / self._total if self._total else 1.0
            self.note(f"{line} ({100 * share:.0f} %, {passed:.0f} s)")

    def note(self, line: str) -> None:
        """A line that stays."""
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)
