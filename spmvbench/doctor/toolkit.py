"""Whether CuPy, the CUDA runtime it brings and the driver fit together."""

from __future__ import annotations

import importlib.metadata

from spmvbench.doctor.finding import Finding, Topic

TOOLKIT = Topic(
    "CUDA runtime",
    "a driver older than the runtime compiles kernels anew or refuses them; two CuPy packages "
    "overwrite each other's files",
)

CUPYS = ("cupy", "cupy-cuda11x", "cupy-cuda12x", "cupy-cuda13x")


def toolkit(driver: int, runtime: int | None) -> list[Finding]:
    """What the driver takes (12080 is CUDA 12.8) against what CuPy runs on (None: no CuPy)."""
    major = driver // 1000
    install = f"python -m pip install 'spmvbench[cuda{max(major, 12)}]'"
    takes = f"the driver takes CUDA {_dotted(driver)}"
    if runtime is None:
        return [TOOLKIT.note(f"no CuPy that can be imported; {takes}", install)]
    seen = f"CuPy runs on CUDA {_dotted(runtime)}, {takes}"
    if runtime // 1000 > major:
        return [TOOLKIT.warning(seen, f"a newer driver, or {install}")]
    if runtime > driver:
        return [TOOLKIT.note(seen, f"a newer driver, or {install}")]
    return [TOOLKIT.ok(seen)]


def cupys() -> list[str]:
    """The CuPy packages that are installed."""
    return [name for name in CUPYS if _installed(name)]


def twice(installed: list[str]) -> list[Finding]:
    """A finding where more than one CuPy package is installed."""
    if len(installed) < 2:
        return []
    seen = " and ".join(installed)
    return [TOOLKIT.warning(seen, f"python -m pip uninstall {' '.join(installed[:-1])}")]


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _dotted(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 10}"
