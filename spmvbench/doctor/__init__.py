"""What would spoil a measurement on this machine, and the commands that would mend it.

Only looks: nothing is changed, and no command is run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spmvbench.doctor import cpu, gpu, limits, load, memory, threads, toolkit
from spmvbench.doctor.finding import Finding, Severity
from spmvbench.doctor.system import System

__all__ = ["Finding", "Severity", "Surroundings", "System", "diagnose", "here"]

LOOK_S = 1.0
"""Between two looks at who is busy: a hundred ticks."""


@dataclass(frozen=True)
class Surroundings:
    """Where the answers come from; tests bring their own.

    `wait` passes the time between two looks; `libraries` are threadpoolctl's; `nvml` is pynvml or
    None; `runtime` gives CuPy's CUDA; `cupys` are the CuPy packages installed.
    """

    system: System
    wait: Callable[[], None]
    libraries: Sequence[Mapping[str, Any]]
    nvml: Any
    runtime: Callable[[], int | None]
    cupys: list[str]


def here() -> Surroundings:
    """This machine, this process."""
    return Surroundings(
        System(),
        lambda: time.sleep(LOOK_S),
        threads.loaded(),
        gpu.module(),
        gpu.cupy_runtime,
        toolkit.cupys(),
    )


def diagnose(around: Surroundings) -> list[Finding]:
    """Everything that was looked at, in order: cores, limits, memory, load, libraries, GPUs."""
    system = around.system
    before = load.look(system)
    around.wait()
    after = load.look(system)
    found = [
        *(probe(system) for probe in (cpu.governor, cpu.turbo, cpu.supply, cpu.smt, cpu.virtual)),
        *(probe(system) for probe in (limits.affinity, limits.quota, limits.memory)),
        *(probe(system) for probe in (memory.nodes, memory.swap, memory.pages)),
        load.average(system),
        load.busy(before, after, system.pid),
        load.steal(before, after),
        *threads.threads(system, around.libraries),
    ]
    found += gpu.gpus(system, around.nvml, around.runtime)
    return found + toolkit.twice(around.cupys)
