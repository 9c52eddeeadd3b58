"""What the kernel tells of this machine, read below a folder that tests may replace."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

CPUS = "sys/devices/system/cpu"


def _affinity() -> frozenset[int]:
    affinity = getattr(os, "sched_getaffinity", None)
    return frozenset(affinity(0)) if affinity else frozenset(range(os.cpu_count() or 1))


@dataclass(frozen=True)
class System:
    """A machine as this process sees it. `cpus`: those it may run on."""

    root: Path = Path("/")
    cpus: frozenset[int] = field(default_factory=_affinity)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    pid: int = field(default_factory=os.getpid)

    def text(self, path: str) -> str | None:
        """The content of a file, or None where there is none that may be read."""
        try:
            return (self.root / path).read_text(errors="replace").strip()
        except OSError:
            return None

    def number(self, path: str) -> int | None:
        """The whole number in a file, or None."""
        text = self.text(path) or ""
        return int(text) if text.lstrip("-").isdigit() else None

    def paths(self, pattern: str) -> list[str]:
        """The files that a pattern fits, in order, as `text` takes them."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.glob(pattern))


def cpu_list(text: str) -> frozenset[int]:
    """The numbers of `0-2,7`, as the kernel writes lists of CPUs."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return frozenset(found)


def written(cpus: frozenset[int]) -> str:
    """The inverse of `cpu_list`, as taskset and numactl take it."""
    runs: list[list[int]] = []
    for cpu in sorted(cpus):
        if runs and cpu == runs[-1][-1] + 1:
            runs[-1].append(cpu)
        else:
            runs.append([cpu])
    return ",".join(str(r[0]) if len(r) == 1 else f"{r[0]}-{r[-1]}" for r in runs)
