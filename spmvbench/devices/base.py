"""What a device is: it holds arrays, and it alone times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from spmvbench.dtypes import Array
from spmvbench.formats.base import MatVec, Target

FLUSH_CACHES = 2
"""A flush reads this many times the last-level cache."""


@dataclass(frozen=True)
class Launch:
    """One timed product.

    `hot`: the same product has just been done. `flush`: the cache is emptied, then x is read.
    `first`: nobody has called it before, and the time is to have what it loads and allocates then.
    """

    matvec: MatVec
    x: Array
    y: Array
    hot: bool = False
    flush: bool = False
    first: bool = False


@dataclass(frozen=True)
class Telemetry:
    """What the device told of itself while it worked; None where it tells nothing."""

    clock_mhz: float | None = None
    power_w: float | None = None
    temperature_c: float | None = None
    throttle: str = ""


class Device(Target, Protocol):
    """Uploads, configures itself and times; the rest of the harness knows no hardware."""

    cores: int

    @property
    def slug(self) -> str:
        """The name of its results folder: `amd-epyc-9b14-2c`, `nvidia-h200`."""
        ...

    @property
    def cache_bytes(self) -> int:
        """Size of the last-level cache."""
        ...

    def configure(self, *, threads: int, batch: int) -> None:
        """Set the threads of Numba, BLAS and OpenMP, and the batch, for what is to come."""
        ...

    def get(self, array: Array) -> Array:
        """A host copy of a device array, when all work before is done."""
        ...

    def finish(self) -> None:
        """Wait until all that was asked of the device is done."""
        ...

    def timer(self, *, hot: bool) -> str:
        """The clock that a hot, or a cold product is timed by."""
        ...

    def time(self, launches: Sequence[Launch], mark: Callable[[int], None]) -> list[float]:
        """Microseconds of each launch, in order; `mark(i)` is called before launch i, untimed."""
        ...

    def read_gbps(self, threads: int) -> float:
        """Read bandwidth now, with that many threads, over a buffer far above the cache."""
        ...

    def foreign_load(self) -> Callable[[], float]:
        """Start watching; the call gives the share of all cores that others have used since."""
        ...

    def watched(self) -> AbstractContextManager[Callable[[], Telemetry]]:
        """Watch the device meanwhile; the call gives what was seen so far."""
        ...

    def floor_us(self) -> float | None:
        """What an empty product takes, timed as a cold one; None where that is nothing."""
        ...

    def probes(self) -> dict[str, float]:
        """What the device does at best, measured now, by name with unit; for a run's first line."""
        ...

    def free_bytes(self) -> int:
        """Memory that can still be taken."""
        ...

    def describe(self) -> dict[str, Any]:
        """Model, cores, caches, memory, SIMD tier: the device's part of the environment."""
        ...
