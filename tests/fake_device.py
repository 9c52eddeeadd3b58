"""A CPU device whose clock only moves when a product says so: exact times, no waiting, no noise."""

from __future__ import annotations

from collections.abc import Callable

from spmvbench.devices.cpu import CpuDevice

FIXED_GBPS = 10.0


class FakeClock:
    """Nanoseconds that pass only when told to."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns

    def advance(self, microseconds: float) -> None:
        self.now_ns += round(microseconds * 1e3)


class FakeDevice(CpuDevice):
    """Right products by NumPy; `cost(format name, call number)` gives the microseconds of each."""

    slug = "fake-1c"
    cache_bytes = 1 << 20

    def __init__(self) -> None:
        self.clock = FakeClock()
        super().__init__(self.clock)
        self.flushes = 0
        self.load = 0.0
        self.alone_gbps = FIXED_GBPS

    def configure(self, *, threads: int, batch: int) -> None:
        self.threads, self.batch = threads, batch

    def read_gbps(self, threads: int) -> float:
        return self.alone_gbps if threads == 1 else FIXED_GBPS

    def foreign_load(self) -> Callable[[], float]:
        return lambda: self.load

    def _flush(self) -> None:
        self.flushes += 1

    def free_bytes(self) -> int:
        return 1 << 30
