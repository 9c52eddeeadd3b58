"""What this process may use of the machine: CPUs and the limits of its control group."""

from __future__ import annotations

from collections.abc import Iterator

from spmvbench.doctor.finding import Finding, Topic
from spmvbench.doctor.system import CPUS, System, cpu_list, written

AFFINITY = Topic("CPUs in use", "'all threads' means those that this process may run on")
QUOTA = Topic(
    "CPU quota",
    "a control group that has used up its share is stopped for the rest of the period, in the "
    "middle of a product",
)
MEMORY = Topic(
    "memory limit", "formats that do not fit are timed in smaller groups, or end as 'oom'"
)

LITTLE_BYTES = 2 << 30
"""Below this the bandwidth probe and one 8192 x 8192 problem no longer fit together."""

_GROUPS = "sys/fs/cgroup"
_NO_LIMIT = 1 << 60


def affinity(system: System) -> Finding:
    """Which of the CPUs that are online may be used."""
    online = cpu_list(system.text(f"{CPUS}/online") or "")
    missing = online - system.cpus
    if not missing:
        return AFFINITY.ok(f"all {len(system.cpus)}")
    seen = f"{written(system.cpus)}: {len(system.cpus)} of {len(online)}"
    fix = f"taskset --cpu-list {written(online)} spmvbench run ... (in a container: --cpuset-cpus)"
    return AFFINITY.note(seen, fix)


def quota(system: System) -> Finding:
    """How many CPUs' worth of time the control group may use, and whether it was ever stopped."""
    least = min(
        (cpus for folder in _folders(system, "cpu") for cpus in _quotas(system, folder)),
        default=None,
    )
    if least is None:
        return QUOTA.ok("none")
    seen = f"{least:g} CPUs for {len(system.cpus)} in use"
    if stopped := _times_stopped(system):
        seen += f"; stopped {stopped} times so far"
    if least < len(system.cpus):
        fix = f"taskset with {max(int(least), 1)} CPUs, or lift the quota (docker: no --cpus; "
        return QUOTA.warning(seen, f"{fix}Kubernetes: no CPU limit)")
    return QUOTA.ok(seen)


def memory(system: System) -> Finding:
    """How much memory is free for a run, under the tightest limit."""
    free, limit = _available(system), None
    for folder in _folders(system, "memory"):
        for high, used in (("memory.max", "memory.current"), _V1_MEMORY):
            found, taken = (system.number(f"{folder}/{name}") for name in (high, used))
            if found is not None and found < _NO_LIMIT and found - (taken or 0) < free:
                free, limit = found - (taken or 0), found
    seen = f"{free / 2**30:.1f} GiB free" + (f" of a limit of {limit / 2**30:.1f}" if limit else "")
    if free < LITTLE_BYTES:
        return MEMORY.warning(seen, "raise the limit (docker: --memory), or end what holds memory")
    return (
        MEMORY.note(seen, "docker: no --memory; systemd: MemoryMax=") if limit else MEMORY.ok(seen)
    )


_V1_MEMORY = ("memory.limit_in_bytes", "memory.usage_in_bytes")


def _folders(system: System, controller: str) -> Iterator[str]:
    """The folders of this process's control group, version 2 and 1, up to their roots."""
    for line in (system.text("proc/self/cgroup") or "").splitlines():
        _, controllers, path = (line.split(":", 2) + ["", ""])[:3]
        if controllers and controller not in controllers.split(","):
            continue
        tops = (f"{_GROUPS}/{controller}",) if controllers else (_GROUPS, f"{_GROUPS}/unified")
        parts = [part for part in path.split("/") if part]
        for top in tops:
            for depth in range(len(parts), -1, -1):
                yield "/".join([top, *parts[:depth]])


def _quotas(system: System, folder: str) -> Iterator[float]:
    share, _, period = (system.text(f"{folder}/cpu.max") or "").partition(" ")
    if share.isdigit() and period:
        yield int(share) / int(period)
    old = system.number(f"{folder}/cpu.cfs_quota_us")
    old_period = system.number(f"{folder}/cpu.cfs_period_us")
    if old and old > 0 and old_period:
        yield old / old_period


def _times_stopped(system: System) -> int:
    """How often the quota has stopped this group since it was made."""
    for folder in _folders(system, "cpu"):
        for line in (system.text(f"{folder}/cpu.stat") or "").splitlines():
            name, _, count = line.partition(" ")
            if name == "nr_throttled" and int(count):
                return int(count)
    return 0


def _available(system: System) -> int:
    for line in (system.text("proc/meminfo") or "").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return _NO_LIMIT
