"""First calls of products on a GPU: where nothing else is queued, by the host's clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from spmvbench.devices.base import Launch


class FirstCalls:
    """Knows which products have been called.

    A first call loads machine code and makes room for it, and a library may take memory. The driver
    may wait for all that runs before it does so, and behind a closed gate that is for ever.
    """

    def __init__(self, stream: Any) -> None:
        """Nothing has been called on the stream yet."""
        self._stream = stream
        self._called: WeakSet[Any] = WeakSet()

    def make(self, launches: Sequence[Launch], mark: Callable[[int], None]) -> dict[int, float]:
        """Call each product that has not been called yet; microseconds of these, by place."""
        took_us = {}
        for index, launch in enumerate(launches):
            if launch.matvec in self._called:
                continue
            mark(index)
            self._stream.synchronize()
            start = time.perf_counter()
            launch.matvec(launch.x, launch.y)
            self._stream.synchronize()
            took_us[index] = 1e6 * (time.perf_counter() - start)
            with suppress(TypeError):  # what no one can refer to weakly is called again next time
                self._called.add(launch.matvec)
        return took_us
