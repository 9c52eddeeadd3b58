"""Threads of the libraries: how many there may be, and whether they spin when they are done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spmvbench.doctor.finding import Finding, Topic
from spmvbench.doctor.system import System

BLAS = Topic(
    "BLAS threads", "dense rows get as many threads as their row says, if the library can have them"
)
NUMBA = Topic("Numba threads", "our own CPU kernels can never use more threads than this")
SPIN = Topic(
    "waiting threads", "threads that spin hold the cores on which the next product is timed"
)
PIN = Topic("pinned threads", "threads that share a core by pinning wait for each other")

_SLEEPING = {"OMP_WAIT_POLICY": ("", "passive"), "KMP_BLOCKTIME": ("", "0")}
"""Values under which threads sleep; the measuring process sets them where nobody has."""
_PINNING = ("OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY")


def threads(system: System, libraries: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """What variables and the BLAS libraries loaded (as threadpoolctl tells) allow."""
    return [_blas(system, libraries), _numba(system), _spin(system), _pin(system)]


def loaded() -> list[dict[str, Any]]:
    """The libraries with threads of their own in this process, NumPy's BLAS among them."""
    import numpy  # noqa: F401  its BLAS must be loaded to be seen
    import threadpoolctl

    return list(threadpoolctl.threadpool_info())


def _blas(system: System, libraries: Sequence[Mapping[str, Any]]) -> Finding:
    found = [one for one in libraries if one.get("user_api") == "blas"]
    if not found:
        return BLAS.note(
            "no BLAS library is loaded", "python -c 'import numpy; numpy.show_config()'"
        )
    seen = ", ".join(f"{one['internal_api']} {one['num_threads']}" for one in found)
    seen += f" for {len(system.cpus)} CPUs in use"
    if any(one["num_threads"] < len(system.cpus) for one in found):
        names = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
        set_ = [name for name in names if name in system.environ]
        fix = f"unset {' '.join(set_)}" if set_ else "a BLAS built for more threads"
        return BLAS.note(seen, fix)
    return BLAS.ok(seen)


def _numba(system: System) -> Finding:
    text = system.environ.get("NUMBA_NUM_THREADS", "")
    if text.isdigit() and int(text) < len(system.cpus):
        seen = f"NUMBA_NUM_THREADS={text} for {len(system.cpus)} CPUs in use"
        return NUMBA.warning(seen, "unset NUMBA_NUM_THREADS")
    return NUMBA.ok("as many as CPUs in use")


def _spin(system: System) -> Finding:
    values = {name: system.environ.get(name, "") for name in _SLEEPING}
    set_ = [name for name, value in values.items() if value.lower() not in _SLEEPING[name]]
    if set_:
        seen = ", ".join(f"{name}={values[name]}" for name in set_)
        return SPIN.warning(seen, f"unset {' '.join(set_)}")
    return SPIN.ok("sleep")


def _pin(system: System) -> Finding:
    unpinned = ("", "false", "none", "disabled")
    set_ = [n for n in _PINNING if system.environ.get(n, "").lower() not in unpinned]
    if set_:
        seen = ", ".join(f"{name}={system.environ[name]}" for name in set_)
        return PIN.note(seen, f"unset {' '.join(set_)}, and pin the whole process with taskset")
    return PIN.ok("left to the system")
