"""NVIDIA GPUs as NVML tells of them; a question that a card does not answer gives no finding."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable
from typing import Any

from spmvbench.doctor.finding import Finding, Topic
from spmvbench.doctor.system import System
from spmvbench.doctor.toolkit import toolkit
from spmvbench.throttle import reasons

NVML = Topic("NVIDIA GPUs", "clocks, limits and other users of a GPU are seen through NVML only")

CLOCKS = "below the highest clock, times are longer than the card can do; unlocked, they wander"
PERSISTENCE = "without it the driver unloads between processes and forgets clocks and limits"
ECC = "ECC costs bandwidth on cards with GDDR memory, so that times compare only where it is equal"
MIG = "a slice has a part of the multiprocessors, cache and bandwidth of the card"
POWER = "a card at its power cap lowers its clock in the middle of a run"
OTHERS = "their kernels run between and beside ours, and their data fill the L2 cache"
THROTTLE = "the card runs slower now than it would otherwise"

USED_SHARE, USED_BYTES = 5, 1 << 30
"""Utilisation in percent, and memory, from which an unseen process is likely."""


def gpus(
    system: System,
    nvml: Any,
    runtime: Callable[[], int | None],
) -> list[Finding]:
    """All that is found on all cards. `nvml`: the module pynvml, or None; `runtime`: CuPy's CUDA.

    Numbers of CUDA versions are as CUDA writes them: 12080 is 12.8.
    """
    driver = bool(system.paths("proc/driver/nvidia/version"))
    if nvml is None:
        fix = "python -m pip install nvidia-ml-py"
        return [NVML.note("a driver, but no nvidia-ml-py", fix)] if driver else [NVML.ok("none")]
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        return [NVML.warning(str(error), "nvidia-smi")] if driver else [NVML.ok("none")]
    try:
        count = nvml.nvmlDeviceGetCount()
        found = [NVML.ok(f"{count}, driver {_text(nvml.nvmlSystemGetDriverVersion())}")]
        found += toolkit(nvml.nvmlSystemGetCudaDriverVersion(), runtime())
        for index in range(count):
            found += _card(nvml, index, system.pid)
        return found
    finally:
        nvml.nvmlShutdown()


def module() -> Any:
    """pynvml, or None where nvidia-ml-py is not installed."""
    try:
        return importlib.import_module("pynvml")
    except ImportError:
        return None


def cupy_runtime() -> int | None:
    """The CUDA runtime that CuPy would use, or None without a CuPy that can be imported."""
    try:
        cupy = importlib.import_module("cupy")
        return int(cupy.cuda.runtime.runtimeGetVersion())
    except (ImportError, RuntimeError):
        return None


def _card(nvml: Any, index: int, own: int) -> list[Finding]:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    found = []
    for probe in (_clocks, _persistence, _ecc, _mig, _power, _throttle):
        with contextlib.suppress(nvml.NVMLError):
            found.append(probe(nvml, handle, index))
    with contextlib.suppress(nvml.NVMLError):
        found.append(_others(nvml, handle, index, own))
    return found


def _topic(index: int, name: str, why: str) -> Topic:
    return Topic(f"GPU {index} {name}", why)


def _clocks(nvml: Any, handle: Any, index: int) -> Finding:
    """NVML does not tell whether clocks are locked, so it is always said how."""
    topic = _topic(index, "clocks", CLOCKS)
    kinds = (("SM", nvml.NVML_CLOCK_SM), ("memory", nvml.NVML_CLOCK_MEM))
    most = {name: nvml.nvmlDeviceGetMaxClockInfo(handle, kind) for name, kind in kinds}
    seen = ", ".join(
        f"{name} {nvml.nvmlDeviceGetClockInfo(handle, kind)} of {most[name]} MHz"
        for name, kind in kinds
    )
    with contextlib.suppress(nvml.NVMLError):
        asked = nvml.nvmlDeviceGetApplicationsClock(handle, nvml.NVML_CLOCK_SM)
        default = nvml.nvmlDeviceGetDefaultApplicationsClock(handle, nvml.NVML_CLOCK_SM)
        seen += f", applications {asked} MHz"
        if asked < default:
            fix = f"sudo nvidia-smi --id={index} --reset-applications-clocks"
            return topic.warning(f"{seen}, by default {default}", fix)
    fix = f"sudo nvidia-smi --id={index} --lock-gpu-clocks={most['SM']}"
    return topic.note(seen, f"{fix} (less, if it does not hold that under load)")


def _persistence(nvml: Any, handle: Any, index: int) -> Finding:
    topic = _topic(index, "persistence mode", PERSISTENCE)
    if nvml.nvmlDeviceGetPersistenceMode(handle):
        return topic.ok("on")
    return topic.warning("off", f"sudo nvidia-smi --id={index} --persistence-mode=1")


def _ecc(nvml: Any, handle: Any, index: int) -> Finding:
    topic = _topic(index, "ECC", ECC)
    now, after_reset = nvml.nvmlDeviceGetEccMode(handle)
    if bool(now) != bool(after_reset):
        words = ("off", "on")
        seen = f"{words[bool(now)]}, {words[bool(after_reset)]} after the next reset"
        return topic.warning(seen, f"sudo nvidia-smi --id={index} --gpu-reset")
    if now:
        return topic.ok("on")
    return topic.note("off", f"sudo nvidia-smi --id={index} --ecc-config=1, then a reset")


def _mig(nvml: Any, handle: Any, index: int) -> Finding:
    topic = _topic(index, "MIG", MIG)
    now, _ = nvml.nvmlDeviceGetMigMode(handle)
    if now:
        return topic.warning("on", f"sudo nvidia-smi --id={index} --multi-instance-gpu=0")
    return topic.ok("off")


def _power(nvml: Any, handle: Any, index: int) -> Finding:
    topic = _topic(index, "power cap", POWER)
    cap = nvml.nvmlDeviceGetPowerManagementLimit(handle) / 1000
    default = nvml.nvmlDeviceGetPowerManagementDefaultLimit(handle) / 1000
    if cap < default:
        seen = f"{cap:g} W, below the default of {default:g} W"
        return topic.warning(seen, f"sudo nvidia-smi --id={index} --power-limit={default:g}")
    return topic.ok(f"{cap:g} W")


def _throttle(nvml: Any, handle: Any, index: int) -> Finding:
    topic = _topic(index, "throttling", THROTTLE)
    # The older name: drivers before 535 know no other, newer ones keep it.
    bits = nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)
    if seen := reasons(bits):
        fix = f"find the cause: nvidia-smi --id={index} --query --display=PERFORMANCE"
        return topic.warning(", ".join(seen), fix)
    return topic.ok("none")


def _others(nvml: Any, handle: Any, index: int, own: int) -> Finding:
    topic = _topic(index, "other processes", OTHERS)
    processes = [pid for pid in _pids(nvml, handle) if pid != own]
    if processes:
        numbers = ",".join(map(str, processes))
        return topic.warning(
            f"{len(processes)}: {numbers}",
            f"end or await them: ps -o pid,user,etime,args -p {numbers}",
        )
    used = int(nvml.nvmlDeviceGetMemoryInfo(handle).used)
    share = int(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
    if share >= USED_SHARE or used >= USED_BYTES:
        seen = f"none visible here, but {share} % busy and {used / 2**30:.1f} GiB in use"
        return topic.warning(seen, "on the host, outside this container: nvidia-smi")
    return topic.ok("none")


def _pids(nvml: Any, handle: Any) -> list[int]:
    found: set[int] = set()
    for kind in ("Compute", "Graphics"):
        with contextlib.suppress(nvml.NVMLError):
            running = getattr(nvml, f"nvmlDeviceGet{kind}RunningProcesses")
            found |= {int(process.pid) for process in running(handle)}
    return sorted(found)


def _text(value: str | bytes) -> str:
    """Older versions of nvidia-ml-py give bytes."""
    return value.decode() if isinstance(value, bytes) else value
