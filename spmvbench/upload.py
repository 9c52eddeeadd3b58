"""A device as a plan sees it: what is uploaded is counted and timed."""

from __future__ import annotations

import time

from spmvbench.devices.base import Device
from spmvbench.dtypes import Array


class Upload:
    """A device as a plan sees it, with the seconds spent in `put` added up."""

    def __init__(self, device: Device) -> None:
        """Nothing is uploaded yet."""
        self._device = device
        self.kind, self.threads, self.batch = device.kind, device.threads, device.batch
        self.seconds, self.nbytes = 0.0, 0

    def put(self, array: Array) -> Array:
        """See `Target.put`."""
        start = time.perf_counter()
        copy = self._device.put(array)
        self._device.finish()
        self.seconds += time.perf_counter() - start
        self.nbytes += int(array.nbytes)
        return copy

    def empty(self, shape: int | tuple[int, ...], dtype: str) -> Array:
        """See `Target.empty`."""
        return self._device.empty(shape, dtype)

    def finish(self) -> None:
        """See `Device.finish`."""
        self._device.finish()
