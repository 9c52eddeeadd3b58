"""A quiet machine that doctor finds nothing wrong with, as files; tests spoil one thing of it."""

from __future__ import annotations

import types

from spmvbench.doctor import Surroundings, System

CPUS = "sys/devices/system/cpu"

QUIET = {
    f"{CPUS}/online": "0-3",
    f"{CPUS}/intel_pstate/no_turbo": "1",
    **{f"{CPUS}/cpu{n}/cpufreq/scaling_governor": "performance" for n in range(4)},
    **{f"{CPUS}/cpu{n}/topology/thread_siblings_list": str(n) for n in range(4)},
    "sys/devices/system/node/node0/cpulist": "0-3",
    "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never",
    "sys/class/power_supply/AC/online": "1",
    "proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu avx2\n",
    "proc/meminfo": "MemTotal: 33554432 kB\nMemAvailable: 16777216 kB\n",
    "proc/swaps": "Filename Type Size Used Priority\n/dev/sda2 partition 1000 0 -2\n",
    "proc/loadavg": "0.10 0.20 0.30 1/99 4242",
    "proc/self/cgroup": "0::/user/me",
}


def stat(*, user=0, idle=400, steal=0):
    """A /proc/stat of four CPUs, in ticks."""
    each = "".join(f"\ncpu{n} 1 1 1 1 1 1 1 1 0 0" for n in range(4))
    return f"cpu  {user} 0 0 {idle} 0 0 0 {steal} 0 0{each}\nctxt 12\n"


def process(name, ticks):
    """A /proc/N/stat of a process that has used that many ticks."""
    return f"1 ({name}) S 1 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 1 0 1 1 1"


class Nvml:
    """One card through pynvml's functions; `changed` are answers by name, errors included."""

    NVML_CLOCK_SM, NVML_CLOCK_MEM = 1, 2

    class NVMLError(Exception):
        pass

    def __init__(self, **changed):
        self.shut = False
        self._answers = {
            "Init": None,
            "SystemGetDriverVersion": b"570.86",
            "SystemGetCudaDriverVersion": 12080,
            "DeviceGetCount": 1,
            "DeviceGetHandleByIndex": "card",
            "DeviceGetClockInfo": 1980,
            "DeviceGetMaxClockInfo": 1980,
            "DeviceGetApplicationsClock": 1980,
            "DeviceGetDefaultApplicationsClock": 1980,
            "DeviceGetPersistenceMode": 1,
            "DeviceGetEccMode": [1, 1],
            "DeviceGetMigMode": [0, 0],
            "DeviceGetPowerManagementLimit": 700_000,
            "DeviceGetPowerManagementDefaultLimit": 700_000,
            "DeviceGetCurrentClocksThrottleReasons": 0x1,
            "DeviceGetComputeRunningProcesses": [],
            "DeviceGetGraphicsRunningProcesses": [],
            "DeviceGetMemoryInfo": types.SimpleNamespace(used=0),
            "DeviceGetUtilizationRates": types.SimpleNamespace(gpu=0),
        } | changed

    def __getattr__(self, name):
        def answer(*_):
            value = self._answers[name.removeprefix("nvml")]
            if isinstance(value, Exception):
                raise value
            return value

        return answer

    def nvmlShutdown(self):
        self.shut = True


def machine(root, before=None, after=None, nvml=None, runtime=12080, cupys=(), **environ):
    """A quiet machine below `root` but for `before`; `after` are files that change meanwhile."""

    def put(files):
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)

    put(QUIET | {"proc/stat": stat()} | (before or {}))
    later = {"proc/stat": stat(idle=800)} | (after or {})
    return Surroundings(
        System(root, cpus=frozenset(range(4)), environ=environ, pid=77),
        lambda: put(later),
        [{"user_api": "blas", "internal_api": "openblas", "num_threads": 4}],
        nvml,
        lambda: runtime,
        list(cupys),
    )
