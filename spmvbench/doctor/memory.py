"""Memory as products meet it: nodes, swap, page size."""

from __future__ import annotations

from spmvbench.doctor.finding import Finding, Topic
from spmvbench.doctor.system import System, cpu_list

NUMA = Topic(
    "NUMA",
    "the packed arrays lie on the node that wrote them; threads on other nodes read them through "
    "the link between sockets",
)
SWAP = Topic("swap", "a page that was swapped out is read from disk in the middle of a product")
PAGES = Topic(
    "huge pages",
    "NumPy asks for 2 MiB pages for large arrays; with 4 KiB pages a matrix of 32 MiB costs "
    "thousands of address translations per product",
)


def nodes(system: System) -> Finding:
    """On how many memory nodes the CPUs in use are."""
    used = [
        path.split("/node")[-1].partition("/")[0]
        for path in system.paths("sys/devices/system/node/node[0-9]*/cpulist")
        if cpu_list(system.text(path) or "") & system.cpus
    ]
    if len(used) < 2:
        return NUMA.ok("one node in use")
    seen = f"{len(used)} nodes in use: {', '.join(used)}"
    fix = f"numactl --cpunodebind={used[0]} --membind={used[0]} spmvbench run ..."
    return NUMA.warning(seen, fix)


def swap(system: System) -> Finding:
    """Whether anything is swapped out."""
    lines = (system.text("proc/swaps") or "").splitlines()[1:]
    used = sum(int(line.split()[3]) for line in lines) << 10
    if not lines:
        return SWAP.ok("no swap")
    if used:
        return SWAP.warning(f"{used / 2**20:.0f} MiB in use", "sudo swapoff --all")
    return SWAP.ok("none in use")


def pages(system: System) -> Finding:
    """Whether large arrays may get large pages."""
    text = system.text("sys/kernel/mm/transparent_hugepage/enabled") or ""
    chosen = text.partition("[")[2].partition("]")[0]
    if system.environ.get("NUMPY_MADVISE_HUGEPAGE") == "0":
        return PAGES.note("NUMPY_MADVISE_HUGEPAGE=0", "unset NUMPY_MADVISE_HUGEPAGE")
    if chosen == "never":
        fix = "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled"
        return PAGES.note("never", fix)
    return PAGES.ok(chosen or "not told by this kernel")
