"""One NVIDIA GPU through CuPy: one stream for everything, and events around each product."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cached_property
from typing import Any

import numpy as np

from spmvbench.cuda import driver, model, streaming
from spmvbench.devices.base import FLUSH_CACHES, Launch, Telemetry
from spmvbench.devices.cupy_there import working_cupy
from spmvbench.devices.first_calls import FirstCalls
from spmvbench.devices.gate import Gate
from spmvbench.devices.hot import PRODUCTS_OF_GRAPH, graph_of
from spmvbench.devices.nvml import Nvml
from spmvbench.dtypes import DTYPES, Array

PROBE_BYTES = 1 << 30
PROBE_SHARE = 16
"""A probe takes 1 GiB, but no more than this part of the memory."""

FLOOR_CALLS = 31


class CudaDevice:
    """See `devices.base.Device`.

    The stream is an ordinary one, which waits for the legacy default stream and is waited for: so a
    product that is launched there by mistake is between its events all the same.
    """

    kind = "cuda"

    def __init__(self) -> None:
        """The current device of CuPy, batch 1. Raises: DeviceError, saying what is missing."""
        self._cupy = working_cupy()
        self._cuda = self._cupy.cuda
        self._stream = self._cuda.Stream()
        self._stream.use()
        self._facts: dict[str, Any] = self._cuda.runtime.getDeviceProperties(self._cuda.Device().id)
        self._events: list[tuple[Any, Any]] = []
        self._gates: list[Gate] = []
        self._first = FirstCalls(self._stream)
        self._nvml = Nvml.of(self._uuid)
        self.cores = self.threads = self.batch = 1

    @cached_property
    def _uuid(self) -> str:
        return driver.uuid_of(self._cuda.Device().id, bytes(self._facts["uuid"]))

    @cached_property
    def _name(self) -> str:
        return model.name(self._facts["name"])

    @property
    def slug(self) -> str:
        """`nvidia-h200`."""
        return model.slug(self._name)

    @property
    def cache_bytes(self) -> int:
        """Size of the L2 cache."""
        return int(self._facts["l2CacheSize"])

    def configure(self, *, threads: int, batch: int) -> None:
        """See `Device.configure`. What the case before has left is given back."""
        self.threads, self.batch = threads, batch
        self._cupy.get_default_memory_pool().free_all_blocks()

    def put(self, array: Array) -> Array:
        """See `Target.put`. What is on the device is copied there. CuPy aligns to 512 bytes."""
        if isinstance(array, self._cupy.ndarray):
            there: Array = self._cupy.ascontiguousarray(array).copy()
        else:
            there = self._cupy.asarray(np.ascontiguousarray(array))
        return there

    def empty(self, shape: int | tuple[int, ...], dtype: str) -> Array:
        """See `Target.empty`."""
        made: Array = self._cupy.empty(shape, DTYPES.get(dtype) or np.dtype(dtype))
        return made

    def get(self, array: Array) -> Array:
        """See `Device.get`."""
        host: Array = self._cupy.asnumpy(array)
        return host

    def finish(self) -> None:
        """See `Device.finish`."""
        self._stream.synchronize()

    def timer(self, *, hot: bool) -> str:
        """See `Device.timer`."""
        return "cuda_graph" if hot else "cuda_event"

    def time(self, launches: Sequence[Launch], mark: Callable[[int], None]) -> list[float]:
        """See `Device.time`.

        Do not synchronise inside the first loop. Each product waits with its events behind a gate
        that opens when all of them are queued; a synchronisation there would put the time that the
        host takes to launch between the two events, and a short kernel would be mostly that. Once
        all are queued, the products are waited for one by one, so that the one that faults or hangs
        is the one that was marked last.
        """
        self._provide(launches)
        first_us = self._first.make(launches, mark)
        if any(not launches[index].first for index in first_us):  # it left a copy in the cache
            streaming.read(self._flush_buffer, self._sink, self._blocks)
        kept = []
        try:
            for index, launch in enumerate(launches):
                mark(index)
                kept.append(self._queue(launch, self._gates[index], *self._events[index]))
            times = []
            for index, launch in enumerate(launches):
                mark(index)
                elapsed_us = self._elapsed_us(index) / (PRODUCTS_OF_GRAPH if launch.hot else 1)
                times.append(first_us.get(index, elapsed_us) if launch.first else elapsed_us)
        except Exception:
            with suppress(Exception):
                self._stream.synchronize()  # the gates are closed again by the next call
            raise
        return times

    def _elapsed_us(self, index: int) -> float:
        start, stop = self._events[index]
        stop.synchronize()
        self._gates[index].require_in_time()
        return 1e3 * float(self._cuda.get_elapsed_time(start, stop))

    def _queue(self, launch: Launch, gate: Gate, start: Any, stop: Any) -> Any:
        """Queue it behind the gate, then open that. Gives what must live until it is done."""
        graph = graph_of(launch, self._stream) if launch.hot else None
        with gate:
            if graph:
                graph.launch(self._stream)
            if launch.flush:
                streaming.read(self._flush_buffer, self._sink, self._blocks)
            # In decoding x was written just before: it is in the cache, only the weights are not.
            streaming.read(launch.x, self._sink, 1)
            start.record(self._stream)
            if graph:
                graph.launch(self._stream)
            else:
                launch.matvec(launch.x, launch.y)
            stop.record(self._stream)
        return graph

    def _provide(self, launches: Sequence[Launch]) -> None:
        """All that must not be made or loaded for the first time behind a closed gate."""
        if not self._events:
            streaming.read(self._sink, self._sink, 1)
        while len(self._events) < len(launches):
            self._events.append((self._cuda.Event(), self._cuda.Event()))
            self._gates.append(Gate(self._cupy))
        if any(launch.flush for launch in launches) and self._flush_buffer.size:
            driver.forget_persisting()

    @property
    def _blocks(self) -> int:
        return streaming.BLOCKS * int(self._facts["multiProcessorCount"])

    @cached_property
    def _sink(self) -> Array:
        return self.empty(1, "uint32")

    @cached_property
    def _flush_buffer(self) -> Array:
        ones: Array = self._cupy.ones(FLUSH_CACHES * self.cache_bytes // 4, np.float32)
        return ones

    @property
    def _probe_bytes(self) -> int:
        return min(PROBE_BYTES, int(self._facts["totalGlobalMem"]) // PROBE_SHARE)

    def read_gbps(self, threads: int) -> float:
        """See `Device.read_gbps`; 10^9 bytes per second, the median of five passes."""
        buffer = self.empty(self._probe_bytes, "uint8")

        def product(x: Array, y: Array) -> None:
            streaming.read(buffer, self._sink, self._blocks)

        return buffer.nbytes / self._probe_us(product) / 1e3

    def _copy_gbps(self) -> float:
        """Bytes read and written, 10^9 per second."""
        here, there = (self.empty(self._probe_bytes // 2, "uint8") for _ in range(2))

        def product(x: Array, y: Array) -> None:
            streaming.copy(here, there, self._blocks)

        return 2 * here.nbytes / self._probe_us(product) / 1e3

    def _probe_us(self, product: Callable[[Array, Array], None], calls: int = 5) -> float:
        """The median time of something that needs no x and no y, the first time left out."""
        nothing = self.empty(0, "float32")
        times = self.time([Launch(product, nothing, nothing)] * (calls + 1), lambda _: None)
        return float(np.median(times[1:]))

    def floor_us(self) -> float:
        """See `Device.floor_us`."""
        return self._probe_us(lambda x, y: streaming.nothing(), FLOOR_CALLS)

    def probes(self) -> dict[str, float]:
        """See `Device.probes`."""
        read, copy = self.read_gbps(1), self._copy_gbps()
        return {"read_gbps": read, "copy_gbps": copy, "floor_us": self.floor_us()}

    def foreign_load(self) -> Callable[[], float]:
        """See `Device.foreign_load`: of the GPU, by NVML; without it 0.0."""
        return self._nvml.foreign_share if self._nvml else lambda: 0.0

    def watched(self) -> AbstractContextManager[Callable[[], Telemetry]]:
        """See `Device.watched`."""
        return self._nvml.watched() if self._nvml else nullcontext(Telemetry)

    def free_bytes(self) -> int:
        """See `Device.free_bytes`. What CuPy keeps for later is given back first."""
        self._cupy.get_default_memory_pool().free_all_blocks()
        return int(self._cuda.runtime.memGetInfo()[0])

    def describe(self) -> dict[str, Any]:
        """See `Device.describe`."""
        facts, runtime = self._facts, self._cuda.runtime
        return {
            "device": self._name,
            "uuid": self._uuid,
            "cores": self.cores,
            "arch": f"sm_{facts['major']}{facts['minor']}",
            "multiprocessors": int(facts["multiProcessorCount"]),
            "cache_bytes": self.cache_bytes,
            "memory_bytes": int(facts["totalGlobalMem"]),
            "cuda_driver": runtime.driverGetVersion(),
            "cuda_runtime": runtime.runtimeGetVersion(),
            **(self._nvml.facts() if self._nvml else {}),
        }
