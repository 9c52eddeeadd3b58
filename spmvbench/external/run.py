"""Runs a program on a matrix: started without a shell, its output kept, ended when it hangs."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from spmvbench.dtypes import Array
from spmvbench.external.program import NoTime, Program, last_line
from spmvbench.guard import Failure, guard, one_line
from spmvbench.problems import Problem, count_nonzero

MOST_NONZEROS = 20_000_000
"""A matrix of more would be a text file of over half a gigabyte."""

KEPT_BYTES = 1 << 19
"""Of what a program prints, the first and the last so many bytes are kept."""

POLL_S = 0.1

# The program dies with the process that measures, however that dies (Linux).
_GUARDIAN = """
import os, signal, sys
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
try:
    os.execv(sys.argv[1], sys.argv[1:])
except OSError as error:
    sys.exit(f"cannot be started: {error.strerror}")
"""


@dataclass(frozen=True)
class Ran:
    """What came of a program: its times in microseconds, or why there are none; and its output."""

    times_us: list[float] = field(default_factory=list)
    failure: Failure | None = None
    log: str = ""


def run(
    program: Program,
    problem: Problem,
    dense: Array,
    device: str,
    threads: int,
    alive: Callable[[], None],
) -> Ran:
    """Run it on a matrix (rows, cols); `alive` is called again and again meanwhile."""
    ran = guard(lambda: _on(program, problem, dense, device, threads, alive))
    return Ran(failure=ran) if isinstance(ran, Failure) else ran


def _on(
    program: Program,
    problem: Problem,
    dense: Array,
    device: str,
    threads: int,
    alive: Callable[[], None],
) -> Ran:
    nnz = count_nonzero(dense)
    if program.takes_file and nnz > MOST_NONZEROS:
        reason = (
            f"{program.name} reads a text file: at most {MOST_NONZEROS:,} non-zeros, not {nnz:,}"
        )
        return Ran(failure=Failure("unavailable", reason))
    with tempfile.TemporaryDirectory(prefix="spmvbench-") as folder:
        path = Path(folder) / "matrix.mtx"
        if program.takes_file:
            write_mtx(path, dense)
        rows, cols = dense.shape
        values = {"mtx": str(path), "rows": str(rows), "cols": str(cols), "device": device}
        values["density"] = f"{problem.density or nnz / max(dense.size, 1):.6g}"
        return _run(program, program.words(values), threads, alive)


def write_mtx(path: Path, dense: Array) -> None:
    """The matrix in coordinates, every value so that it is read back as it was."""
    import numpy as np
    from scipy.io import mmwrite
    from scipy.sparse import coo_array

    rows, cols = dense.nonzero()
    entries = coo_array((dense[rows, cols].astype(np.float32), (rows, cols)), shape=dense.shape)
    mmwrite(path, entries, field="real", precision=9, symmetry="general")


def _run(program: Program, words: list[str], threads: int, alive: Callable[[], None]) -> Ran:
    start = time.monotonic()
    output = _Output()
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _GUARDIAN, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env=os.environ | ({"OMP_NUM_THREADS": str(threads)} if threads else {}),
    )
    try:
        late = not _listen(process, output, start + program.timeout_s, alive)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # and what it has started itself
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]
    wall_us = 1e6 * (time.monotonic() - start)
    log = output.text()
    failure = _ended(program, process.returncode, log, late=late)
    if failure:
        return Ran(failure=failure, log=log)
    try:
        times_us = program.microseconds(log)
    except NoTime as error:
        return Ran(failure=Failure("error", one_line(f"{program.name}: {error}")), log=log)
    if max(times_us) > wall_us:
        seen = f"{max(times_us) / 1e6:g} s for a product, but ran for {wall_us / 1e6:.2g} s in all"
        reason = f"{program.name} says {seen}; expected another unit"
        return Ran(failure=Failure("error", reason), log=log)
    return Ran(times_us, log=log)


def _ended(program: Program, code: int, log: str, *, late: bool) -> Failure | None:
    """Why a program that has ended so has no time."""
    said = last_line(log)
    if late:
        words = f"still running after {program.timeout_s:g} s; last line: {said}"
        return Failure("timeout", one_line(f"{program.name}: {words}"))
    if code < 0:
        words = f"died of {signal.Signals(-code).name}; last line: {said}"
        return Failure("crashed", one_line(f"{program.name}: {words}"))
    if code:
        return Failure("error", one_line(f"{program.name}: exit code {code}: {said}"))
    return None


def _listen(
    process: subprocess.Popen[bytes], output: _Output, deadline: float, alive: Callable[[], None]
) -> bool:
    """Keep what it prints until it has ended; False when it has not in time."""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)  # type: ignore[arg-type]
        open_ = True
        while time.monotonic() < deadline:
            alive()
            ready = open_ and selector.select(POLL_S)
            if ready:
                got = os.read(process.stdout.fileno(), 1 << 16)  # type: ignore[union-attr]
                output.add(got)
                open_ = bool(got)
            elif process.poll() is not None:
                return True
            elif not open_:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(POLL_S)
    return False


class _Output:
    """The beginning and the end of what a program prints, however much that is."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_bytes = self._dropped = 0

    def add(self, got: bytes) -> None:
        room = KEPT_BYTES - len(self._head)
        self._head += got[:room]
        if rest := got[max(room, 0) :]:
            self._tail.append(rest)
            self._tail_bytes += len(rest)
        while self._tail and self._tail_bytes > KEPT_BYTES + len(self._tail[0]):
            first = self._tail.popleft()
            self._tail_bytes -= len(first)
            self._dropped += len(first)

    def text(self) -> str:
        """As UTF-8, what is not replaced."""
        gap = f"\n... {self._dropped} bytes are left out ...\n".encode() if self._dropped else b""
        return b"".join([bytes(self._head), gap, *self._tail]).decode(errors="replace")
