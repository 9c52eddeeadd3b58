"""A gate in a CUDA stream: what is queued behind it runs once the host has queued all of it."""

from __future__ import annotations

from typing import Any

import numpy as np

LIMIT_NS = 2_000_000_000
"""Queueing takes microseconds. A product that waits for the GPU would wait this long for itself."""


class Gate:
    """`with gate:` closes it, queues what is inside, and opens it at the end."""

    def __init__(self, cupy: Any) -> None:
        """Two words of the host's memory, which the device reads and writes where they are."""
        self._memory = cupy.cuda.alloc_pinned_memory(8)
        self._words = np.frombuffer(self._memory, np.int32, 2)
        self._opened, self._late = (np.uint64(self._memory.ptr + 4 * i) for i in range(2))
        self._words[:] = 1, 0
        self._wait()  # while it is open: to load a kernel the driver may wait for those that run

    def __enter__(self) -> None:
        """Close it. What went through it before must be done."""
        self._words[:] = 0
        self._wait()

    def _wait(self) -> None:
        from spmvbench.cuda.module import kernel

        wait = kernel("timing.cu", "wait_until_open")
        wait((1,), (1,), (self._opened, self._late, np.uint64(LIMIT_NS)))

    def __exit__(self, *error: object) -> None:
        """Open it, also for what could not be queued to its end."""
        self._words[0] = 1

    def require_in_time(self) -> None:
        """Raise RuntimeError when the device gave up waiting: the time is of the host then."""
        if self._words[1]:
            raise RuntimeError(
                "the product waits for the GPU inside, or the host took over "
                f"{LIMIT_NS / 1e9:g} s to launch it: it cannot be timed by events"
            )
