"""Clocks and cores: governor, turbo, power supply, SMT, virtual machine."""

from __future__ import annotations

from spmvbench.doctor.finding import Finding, Topic
from spmvbench.doctor.system import CPUS, System, cpu_list, written

GOVERNOR = Topic(
    "CPU governor", "a governor that follows the load changes the clock while formats are timed"
)
TURBO = Topic(
    "turbo",
    "the boosted clock depends on temperature and on how many cores are busy, so one-thread and "
    "all-thread rows run at different clocks",
)
SUPPLY = Topic("power supply", "on battery the firmware lowers clocks")
SMT = Topic(
    "SMT", "two threads that share a core count as two cores and slow each other down by chance"
)
VIRTUAL = Topic(
    "virtual machine",
    "neighbours on the host share its memory bandwidth and caches, unseen from in here",
)

UNSEEN = "not visible here"


def governor(system: System) -> Finding:
    """Whether every CPU in use keeps its clock up."""
    files = [f"{CPUS}/cpu{cpu}/cpufreq/scaling_governor" for cpu in sorted(system.cpus)]
    found = sorted({text for file in files if (text := system.text(file))})
    fix = "sudo cpupower frequency-set --governor performance"
    if not found:
        return GOVERNOR.note(UNSEEN, f"on the host: {fix}")
    if found != ["performance"]:
        return GOVERNOR.warning(", ".join(found), fix)
    return GOVERNOR.ok("performance")


def turbo(system: System) -> Finding:
    """Whether clocks may rise above the nominal one."""
    intel, others = f"{CPUS}/intel_pstate/no_turbo", f"{CPUS}/cpufreq/boost"
    if (off := system.number(intel)) is not None:
        boosts, fix = not off, f"echo 1 | sudo tee /{intel}"
    elif (on := system.number(others)) is not None:
        boosts, fix = bool(on), f"echo 0 | sudo tee /{others}"
    else:
        return TURBO.note(UNSEEN, f"on the host: echo 0 | sudo tee /{others}")
    return TURBO.note("on", fix) if boosts else TURBO.ok("off")


def supply(system: System) -> Finding:
    """Whether the machine runs on its battery."""
    files = system.paths("sys/class/power_supply/*/online")
    plugged = [online for file in files if (online := system.number(file)) is not None]
    if plugged and not any(plugged):
        return SUPPLY.warning("on battery", "plug in the power supply")
    return SUPPLY.ok("mains" if plugged else "no battery")


def smt(system: System) -> Finding:
    """Whether two of the CPUs in use are threads of one core."""
    cores = {
        cpu_list(text) & system.cpus
        for cpu in system.cpus
        if (text := system.text(f"{CPUS}/cpu{cpu}/topology/thread_siblings_list"))
    }
    shared = [core for core in cores if len(core) > 1]
    if not cores:
        return SMT.note(UNSEEN, "on the host: lscpu --extended")
    if not shared:
        return SMT.ok("no two CPUs in use share a core")
    firsts = written(frozenset(min(core) for core in cores))
    seen = f"{len(shared)} of {len(cores)} cores are used by two threads"
    return SMT.note(seen, f"taskset --cpu-list {firsts} spmvbench run ...")


def virtual(system: System) -> Finding:
    """Whether this is a guest on some host."""
    flags = (system.text("proc/cpuinfo") or "").partition("flags")[2].partition("\n")[0].split()
    kind = system.text("sys/class/dmi/id/product_name") or system.text("sys/hypervisor/type")
    if "hypervisor" not in flags:
        return VIRTUAL.ok("no sign of one")
    seen = f"yes ({kind})" if kind else "yes"
    return VIRTUAL.note(seen, "measure on a machine of its own, or take whole hosts")
