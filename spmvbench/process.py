"""The runner's end of a worker: start it, ask it, see that it died or hangs, and where."""

from __future__ import annotations

import contextlib
import json
import os
import re
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from spmvbench.errors import DeviceError
from spmvbench.watch import Step, Watch

POLL_S = 0.1
START_S = 120.0
PRINTED_BYTES = 1 << 18
"""Of what a worker prints, so much of the end is looked at."""

NEEDS_HERE = "; breakpoint() needs spmvbench check --here"

_DEBUGGER = "(Pdb)"
"""What Python's debugger prints before it waits for words, which a worker never gets."""

_SANITIZER = re.compile(r"SUMMARY: \w+Sanitizer|==\d+==\s*ERROR: ")

PROBLEM_FACTOR = 10
"""Building a problem is no format's step: it may take this many times the limit of one."""


class Lost(Exception):
    """The worker died or was killed because it hung. `hung`: it was; `why`: in words, one line."""

    def __init__(self, why: str, step: Step, printed: str, *, hung: bool, memory: bool) -> None:
        """`memory`: the system killed it, most likely because memory ran out."""
        super().__init__(why)
        self.why, self.step, self.printed = why, step, printed
        self.hung, self.memory = hung, memory


class WorkerProcess:
    """A running `spmvbench.worker`. `hello` is what it said of its device."""

    def __init__(self, kind: str, outside: Sequence[str] = ()) -> None:
        """Start it and wait until it knows its device.

        Raises: DeviceError when there is no such device.
        """
        with tempfile.TemporaryDirectory(prefix="spmvbench-") as folder:
            path = Path(folder) / "watch"
            self.watch = Watch(path)
            self._log = (Path(folder) / "stderr").open("a+b")
            self._process = subprocess.Popen(
                [sys.executable, "-m", "spmvbench.worker", kind, str(path), *outside],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env=_surroundings(),
            )
            self._lines = _Lines(self._process)
            self.hello = self._greeting()
        # The files are gone by now, so that no kill leaves them behind; both ends have them open.

    def _greeting(self) -> dict[str, Any]:
        deadline = time.monotonic() + START_S
        while (line := self._lines.next(POLL_S)) is None:
            if time.monotonic() > deadline or self._lines.ended:
                said = self.last_words()
                self.stop()
                raise DeviceError(f"the measuring process does not start: {said or 'no output'}")
        hello: dict[str, Any] = json.loads(line)
        if "user_error" in hello:
            self.stop()
            raise DeviceError(hello["user_error"])
        return hello

    def ask(self, job: dict[str, Any], *, timeout_s: float) -> Iterator[dict[str, Any]]:
        """The worker's answers to a job.

        Raises: Lost when it dies, or stays in one step for longer than `timeout_s`.
        """
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(job).encode() + b"\n")  # type: ignore[union-attr]
            self._process.stdin.flush()  # type: ignore[union-attr]
        step, since = self.watch.read(), time.monotonic()
        while True:
            line = self._lines.next(POLL_S)
            if line is not None:
                answer: dict[str, Any] = json.loads(line)
                if answer.get("done"):
                    return
                yield answer
                since = time.monotonic()
                continue
            if self._lines.ended:
                raise self._died()
            now = self.watch.read()
            if now != step:
                step, since = now, time.monotonic()
            limit_s = timeout_s * (PROBLEM_FACTOR if step.format < 0 else 1)
            if time.monotonic() - since > limit_s:
                printed = self.printed()
                self.stop()
                asks = printed.rstrip().endswith(_DEBUGGER)
                why = f"still in {step.words} after {limit_s:g} s{NEEDS_HERE if asks else ''}"
                raise Lost(why, step, printed, hung=True, memory=False)

    def _died(self) -> Lost:
        step = self.watch.read()
        try:
            code = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            printed = self.printed()
            self.stop()
            why = f"the process closed its pipe in {step.words} and lives on"
            return Lost(why, step, printed, hung=True, memory=False)
        printed, said = self.printed(), self.last_words()
        self.stop()
        end = (
            f"died of {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        )
        why = f"the process {end} in {step.words}" + (f": {said}" if said else "")
        return Lost(why, step, printed, hung=False, memory=code == -signal.SIGKILL)

    def printed(self) -> str:
        """What the worker has written to standard output and error; of very much, the end."""
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - PRINTED_BYTES))
        return self._log.read().decode(errors="replace")

    def last_words(self) -> str:
        """The last line of it; of a sanitizer's report the line that sums it up."""
        lines = self.printed().strip().splitlines()
        told = list(filter(_SANITIZER.match, lines)) or lines
        return told[-1].strip()[:200] if told else ""

    def stop(self) -> None:
        """Kill it, if it lives. May be called again."""
        self._process.kill()
        self._process.wait()
        for file in (self._process.stdin, self._process.stdout, self._log):
            with contextlib.suppress(OSError):
                if file:
                    file.close()


class _Lines:
    """The lines of a process's standard output, without waiting longer than asked."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._pipe = process.stdout
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._pipe, selectors.EVENT_READ)  # type: ignore[arg-type]
        self._rest = b""
        self.ended = False

    def next(self, wait_s: float) -> bytes | None:
        """The next whole line; None when none came in time, or at the end."""
        if b"\n" not in self._rest and not self.ended and self._selector.select(wait_s):
            got = os.read(self._pipe.fileno(), 1 << 20)  # type: ignore[union-attr]
            self._rest += got
            self.ended = not got
        line, found, rest = self._rest.partition(b"\n")
        if not found:
            return None
        self._rest = rest
        return line


def _surroundings() -> dict[str, str]:
    """The worker's environment variables.

    Threads of a library must sleep when they are done, not spin on the core of whatever is timed
    next; OpenBLAS has a switch of its own (2^4 cycles). The package must be found also when this
    process runs from a checkout that is not installed.
    """
    top = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(p for p in (top, os.environ.get("PYTHONPATH", "")) if p)
    own = {"SPMVBENCH_RUNNER": str(os.getpid()), "PYTHONPATH": path}
    sleepy = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0", "OPENBLAS_THREAD_TIMEOUT": "4"}
    return {**sleepy, **os.environ, **own}
