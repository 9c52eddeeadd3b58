"""What the driver tells of a GPU while it works: clock, power, heat, who else is there."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from spmvbench.devices.base import Telemetry
from spmvbench.throttle import reasons

EVERY_S = 0.02


class Nvml:
    """One GPU as NVML sees it; every question it cannot answer has the answer None."""

    def __init__(self, library: Any, handle: Any) -> None:
        """`library`: the module pynvml, initialised; `handle`: of the device in use."""
        self._nvml, self._handle = library, handle

    @staticmethod
    def of(uuid: str) -> Nvml | None:
        """The GPU of that UUID (`GPU-...`); None without nvidia-ml-py or where NVML is refused."""
        try:
            import pynvml
        except ImportError:
            return None
        try:
            pynvml.nvmlInit()
            return Nvml(pynvml, pynvml.nvmlDeviceGetHandleByUUID(uuid))
        except pynvml.NVMLError:
            return None

    def ask(self, function: str, *arguments: Any) -> Any:
        """What that function of NVML says of this device."""
        try:
            return getattr(self._nvml, function)(self._handle, *arguments)
        except (self._nvml.NVMLError, AttributeError):
            return None

    def facts(self) -> dict[str, Any]:
        """What does not change while a run lasts: driver, limits, modes."""
        found: dict[str, Any] = {}
        with contextlib.suppress(self._nvml.NVMLError):
            found["driver"] = _text(self._nvml.nvmlSystemGetDriverVersion())
        limit = self.ask("nvmlDeviceGetPowerManagementLimit")
        found["power_limit_w"] = limit / 1e3 if limit is not None else None
        found["max_clock_mhz"] = self.ask("nvmlDeviceGetMaxClockInfo", self._nvml.NVML_CLOCK_SM)
        found["persistence"] = self.ask("nvmlDeviceGetPersistenceMode")
        ecc, mig = self.ask("nvmlDeviceGetEccMode"), self.ask("nvmlDeviceGetMigMode")
        found["ecc"] = ecc[0] if ecc else None
        found["mig"] = mig[0] if mig else None
        return {name: value for name, value in found.items() if value is not None}

    def foreign_share(self) -> float:
        """The share of the device that other processes use now; 1.0 when that is not told.

        Inside a container NVML names processes by numbers that are not ours: one is taken for us.
        """
        seen = self.ask("nvmlDeviceGetComputeRunningProcesses") or []
        others = {process.pid for process in seen} - {os.getpid()}
        if not others or (len(others) == len(seen) == 1):
            return 0.0
        used = self.ask("nvmlDeviceGetProcessUtilization", 0)
        if used is None:
            return 1.0
        return float(min(sum(one.smUtil for one in used if one.pid in others) / 100, 1.0))

    @contextlib.contextmanager
    def watched(self) -> Iterator[Callable[[], Telemetry]]:
        """Look every 20 ms from a thread; the call gives what was seen, once it is over."""
        over, seen = threading.Event(), _Seen()

        def look() -> None:
            while True:
                seen.add(self)
                if over.wait(EVERY_S):
                    return

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        try:
            yield seen.telemetry
        finally:
            over.set()
            thread.join()

    def clock_mhz(self) -> int | None:
        """The clock of the multiprocessors now."""
        found = self.ask("nvmlDeviceGetClockInfo", self._nvml.NVML_CLOCK_SM)
        return None if found is None else int(found)

    def temperature_c(self) -> int | None:
        """The temperature of the chip now."""
        found = self.ask("nvmlDeviceGetTemperature", self._nvml.NVML_TEMPERATURE_GPU)
        return None if found is None else int(found)

    def throttle(self) -> int:
        """Bits of why clocks are below their most; newer drivers call the question otherwise."""
        for name in ("ClocksEventReasons", "ClocksThrottleReasons"):
            found = self.ask(f"nvmlDeviceGetCurrent{name}")
            if found is not None:
                return int(found)
        return 0


class _Seen:
    """What was seen so far."""

    def __init__(self) -> None:
        self._clocks: list[int] = []
        self._milliwatts: list[int] = []
        self._heat: list[int] = []
        self._reasons = 0

    def add(self, nvml: Nvml) -> None:
        for values, found in (
            (self._clocks, nvml.clock_mhz()),
            (self._milliwatts, nvml.ask("nvmlDeviceGetPowerUsage")),
            (self._heat, nvml.temperature_c()),
        ):
            if found is not None:
                values.append(found)
        self._reasons |= nvml.throttle()

    def telemetry(self) -> Telemetry:
        return Telemetry(
            clock_mhz=float(np.median(self._clocks)) if self._clocks else None,
            power_w=float(np.median(self._milliwatts)) / 1e3 if self._milliwatts else None,
            temperature_c=float(max(self._heat)) if self._heat else None,
            throttle="+".join(reasons(self._reasons)),
        )


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
