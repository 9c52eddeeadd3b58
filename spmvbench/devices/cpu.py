"""The CPU: aligned buffers, a read bandwidth probe, and `perf_counter_ns` around each product."""

from __future__ import annotations

import gc
import os
import re
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from spmvbench.devices.base import FLUSH_CACHES, Launch, Telemetry
from spmvbench.dtypes import DTYPES, Array

ALIGNMENT = 64
PROBE_BYTES = 1 << 28
SURE_S = 0.05
"""Foreign CPU time from which it counts: the system counts in ticks of 0.01 s, on every core."""

_STAT = Path("/proc/stat")
_CGROUP = Path("/sys/fs/cgroup")
_CPUS = Path("/sys/devices/system/cpu")


class CpuDevice:
    """See `devices.base.Device`. `clock` gives nanoseconds; tests bring their own."""

    kind = "cpu"

    def __init__(self, clock: Callable[[], int] = time.perf_counter_ns) -> None:
        """All cores that this process may run on, batch 1."""
        self._clock = clock
        affinity = getattr(os, "sched_getaffinity", None)
        self._cores = affinity(0) if affinity else set(range(os.cpu_count() or 1))
        self.cores = len(self._cores)
        self.threads = self.cores
        self.batch = 1
        self._limits: Any = None

    @cached_property
    def slug(self) -> str:
        """`amd-epyc-9b14-2c`: the model without trade marks and clock, and the cores in use."""
        name = re.sub(r"\(r\)|\(tm\)|cpu|processor|\d+-core|@.*", " ", self._brand.lower())
        return "-".join([*re.findall(r"[a-z0-9]+", name), f"{self.cores}c"])

    @cached_property
    def _brand(self) -> str:
        import cpuinfo

        return str(cpuinfo.get_cpu_info().get("brand_raw", "unknown cpu"))

    @cached_property
    def cache_bytes(self) -> int:
        """Size of all last-level caches of the cores in use; 32 MiB where nothing tells."""
        found = {}
        for core in self._cores:
            for index in _CPUS.glob(f"cpu{core}/cache/index*"):
                level = int((index / "level").read_text())
                found[level, (index / "shared_cpu_list").read_text()] = index / "size"
        last = max((level for level, _ in found), default=0)
        sizes = [_kib(size.read_text()) for (level, _), size in found.items() if level == last]
        return (sum(sizes) or 32 << 10) << 10

    def configure(self, *, threads: int, batch: int) -> None:
        """See `Device.configure`. What is loaded later reads the number from the environment."""
        import numba
        import threadpoolctl

        self.threads, self.batch = threads, batch
        os.environ["OMP_NUM_THREADS"] = str(threads)
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
        self._limits = threadpoolctl.threadpool_limits(threads)

    def put(self, array: Array) -> Array:
        """See `Target.put`."""
        copy = self.empty(array.shape, str(array.dtype))
        copy[...] = array
        return copy

    def empty(self, shape: int | tuple[int, ...], dtype: str) -> Array:
        """See `Target.empty`. NumPy aligns to 16 bytes only; aligned loads are faster."""
        kind = DTYPES.get(dtype) or np.dtype(dtype)
        nbytes = int(np.prod(shape, dtype=object)) * kind.itemsize
        raw = np.empty(nbytes + ALIGNMENT, np.uint8)
        start = -raw.ctypes.data % ALIGNMENT
        return raw[start : start + nbytes].view(kind).reshape(shape)

    def get(self, array: Array) -> Array:
        """See `Device.get`."""
        return array.copy()

    def finish(self) -> None:
        """See `Device.finish`: a call that returns is done."""

    def timer(self, *, hot: bool) -> str:
        """See `Device.timer`."""
        return "perf_counter_ns"

    def time(self, launches: Sequence[Launch], mark: Callable[[int], None]) -> list[float]:
        """See `Device.time`.

        The garbage collector rests meanwhile. After a flush x is read again: in decoding, x was
        written just before and is in the cache, only the weights are not.
        """
        clock, times = self._clock, []
        gc.disable()
        try:
            for index, launch in enumerate(launches):
                mark(index)
                if launch.hot:
                    launch.matvec(launch.x, launch.y)
                if launch.flush:
                    self._flush()
                    launch.x.max(initial=0)
                start = clock()
                launch.matvec(launch.x, launch.y)
                times.append((clock() - start) / 1e3)
        finally:
            gc.enable()
        return times

    @cached_property
    def _flush_buffer(self) -> Array:
        return np.ones(FLUSH_CACHES * self.cache_bytes // 4, np.float32)

    def _flush(self) -> None:
        from spmvbench.cpu.bandwidth import read

        read(self._flush_buffer, self.threads)

    @cached_property
    def _probe_buffer(self) -> Array:
        return np.ones(max(PROBE_BYTES, 4 * self.cache_bytes) // 4, np.float32)

    def read_gbps(self, threads: int) -> float:
        """See `Device.read_gbps`; 10^9 bytes per second, the median of five passes."""
        from spmvbench.cpu.bandwidth import read

        buffer, passes = self._probe_buffer, []
        for _ in range(6):
            start = self._clock()
            read(buffer, threads)
            passes.append(self._clock() - start)
        return float(buffer.nbytes / np.median(passes[1:]))

    def foreign_load(self) -> Callable[[], float]:
        """See `Device.foreign_load`: /proc/stat with steal, less our own; without one 0.0."""
        busy, own, wall = _busy_s(), time.process_time(), time.monotonic()

        def share() -> float:
            seconds = time.monotonic() - wall
            foreign = _busy_s() - busy - (time.process_time() - own)
            if foreign < SURE_S or not seconds:
                return 0.0
            return min(foreign / (seconds * self.cores), 1.0)

        return share

    def watched(self) -> AbstractContextManager[Callable[[], Telemetry]]:
        """See `Device.watched`: a virtual machine hides all of it, and few others tell."""
        return nullcontext(Telemetry)

    def floor_us(self) -> None:
        """See `Device.floor_us`: a call that does nothing takes less than the clock can tell."""

    def probes(self) -> dict[str, float]:
        """See `Device.probes`: bandwidth moves here from second to second, so none at the start."""
        return {}

    def free_bytes(self) -> int:
        """See `Device.free_bytes`; a container's limit counts too."""
        import psutil

        free = int(psutil.virtual_memory().available)
        limit, used = (_CGROUP / "memory.max", _CGROUP / "memory.current")
        if limit.is_file() and (text := limit.read_text().strip()) != "max":
            free = min(free, int(text) - int(used.read_text()))
        return free

    def describe(self) -> dict[str, Any]:
        """See `Device.describe`."""
        import cpuinfo
        import psutil

        from spmvbench.cpu.tier import tier

        info = cpuinfo.get_cpu_info()
        wanted = ("avx2", "avx512f", "avx512_vbmi2", "f16c", "fma", "asimd", "asimdhp", "sve")
        return {
            "device": self._brand,
            "arch": info.get("arch", ""),
            "cores": self.cores,
            "cache_bytes": self.cache_bytes,
            "memory_bytes": int(psutil.virtual_memory().total),
            "features": [name for name in wanted if name in info.get("flags", [])],
            "simd": tier(),
        }


def _kib(text: str) -> int:
    """KiB of a cache size as the kernel writes it: `32768K`, `32M`."""
    unit = {"K": 1, "M": 1 << 10, "G": 1 << 20}
    text = text.strip()
    return int(text[:-1]) * unit[text[-1]] if text[-1:] in unit else int(text or 0) >> 10


def _busy_s() -> float:
    """Seconds of CPU time that anyone has used on all cores, stolen time included."""
    if not _STAT.is_file():
        return 0.0
    user, nice, system, _, _, irq, softirq, steal = map(
        int, _STAT.read_text().split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
