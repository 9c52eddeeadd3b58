"""Who else uses the CPUs: two looks at /proc, a moment apart."""

from __future__ import annotations

from dataclasses import dataclass

from spmvbench.doctor.finding import Finding, Topic
from spmvbench.doctor.system import System

LOAD = Topic("load", "processes that wait for a CPU take it from a product that is being timed")
BUSY = Topic("busy processes", "they take cores, caches and memory bandwidth; rows get 'contended'")
STEAL = Topic("steal", "time that the host gave to other guests passes while a product is timed")

PROCESS_SHARE = 0.05
"""Of one core. A tick is 0.01 s: within a second, less than this is chance."""
OTHERS_SHARE = 0.05
"""Of all cores: what makes a row `contended`."""
LOAD_NOTE, LOAD_WARNING = 0.1, 0.5
STEAL_NOW, STEAL_EVER = 0.01, 0.001
SHOWN = 4


@dataclass(frozen=True)
class Look:
    """CPU time until now, in ticks: of all CPUs together, and of each process by its number."""

    cores: int
    total: int
    busy: int
    steal: int
    processes: dict[int, tuple[str, int]]


def look(system: System) -> Look | None:
    """What /proc says now; None where there is none."""
    lines = (system.text("proc/stat") or "").splitlines()
    if not lines or not lines[0].startswith("cpu "):
        return None
    ticks = [int(word) for word in lines[0].split()[1:9]]
    cores = sum(line[:3] == "cpu" and line[3:4].isdigit() for line in lines)
    processes = {}
    for path in system.paths("proc/[0-9]*/stat"):
        if (used := _process(system.text(path))) is not None:
            processes[int(path.split("/")[1])] = used
    idle, waiting, stolen = ticks[3], ticks[4], ticks[7]
    total = sum(ticks)
    return Look(max(cores, 1), total, total - idle - waiting - stolen, stolen, processes)


def _process(text: str | None) -> tuple[str, int] | None:
    """Name and ticks of a line of `/proc/N/stat`; a name may hold spaces and brackets."""
    if not text:
        return None
    name, _, rest = text.partition("(")[2].rpartition(")")
    words = rest.split()
    return (name, int(words[11]) + int(words[12])) if len(words) > 12 else None


def average(system: System) -> Finding:
    """How many processes wanted a CPU in the last minute."""
    words = (system.text("proc/loadavg") or "").split()
    if not words:
        return LOAD.ok("not told by this kernel")
    load, cores = float(words[0]), len(system.cpus)
    seen = f"{load:g} in the last minute, {cores} CPUs in use"
    fix = "wait until 'uptime' shows less"
    if load > LOAD_WARNING * cores:
        return LOAD.warning(seen, fix)
    return LOAD.note(seen, fix) if load > LOAD_NOTE * cores else LOAD.ok(seen)


def busy(before: Look | None, after: Look | None, own: int) -> Finding:
    """Who used CPU time between two looks, but for the process `own`."""
    if before is None or after is None or after.total == before.total:
        return BUSY.ok("not told by this system")
    tick_share = before.cores / (after.total - before.total)
    shares = {
        pid: (used - before.processes[pid][1]) * tick_share
        for pid, (_, used) in after.processes.items()
        if pid in before.processes
    }
    mine = shares.pop(own, 0.0)
    others = max((after.busy - before.busy) * tick_share - mine, 0.0) / before.cores
    top = sorted(((s, p) for p, s in shares.items() if s >= PROCESS_SHARE), reverse=True)[:SHOWN]
    named = ", ".join(f"{after.processes[p][0]} ({p}) {100 * s:.0f} % of a core" for s, p in top)
    seen = f"others used {100 * others:.0f} % of all cores" + (f": {named}" if named else "")
    if top:
        numbers = ",".join(str(p) for _, p in top)
        return BUSY.warning(seen, f"end or await them: ps -o pid,user,etime,args -p {numbers}")
    if others >= OTHERS_SHARE:
        return BUSY.warning(f"{seen}, none of them visible here", "on the host: top")
    return BUSY.ok(seen)


def steal(before: Look | None, after: Look | None) -> Finding:
    """Whether the host keeps this guest waiting."""
    if before is None or after is None or after.total == before.total:
        return STEAL.ok("not told by this system")
    now = (after.steal - before.steal) / (after.total - before.total)
    ever = after.steal / after.total
    fix = "a host that is not oversubscribed: a dedicated instance"
    if now >= STEAL_NOW:
        return STEAL.warning(f"{100 * now:.1f} % of the CPU time now", fix)
    seen = f"{100 * now:.1f} % now, {100 * ever:.2f} % since the start"
    return STEAL.note(seen, fix) if ever >= STEAL_EVER else STEAL.ok(seen)
