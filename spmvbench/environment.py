"""Where a number is from: device, system, libraries, source. Every row carries its hash."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import spmvbench
from spmvbench import hashes
from spmvbench.cuda.libraries import versions
from spmvbench.errors import SourceError
from spmvbench.external.program import PREFIX
from spmvbench.formats import outside_file, outside_module
from spmvbench.outside import files, module_file
from spmvbench.paths import checkout, data_dir
from spmvbench.problems.locate import locate
from spmvbench.torch_op import read

LIBRARIES = (
    "numpy",
    "scipy",
    "numba",
    "llvmlite",
    "ml_dtypes",
    "mkl",
    "torch",
    "cupy-cuda12x",
    "cupy-cuda13x",
)

POINTERS = {
    "SPMVBENCH_DASP": ("dasp",),
    "SPMVBENCH_SPUTNIK": ("sputnik", "sputnik-identity"),
}
"""Variables that name a file of somebody else, and the formats that use it."""

_CODE = (".py", ".so", ".dylib", ".dll", ".cu", ".cuh", ".c", ".cc", ".cpp", ".h", ".hpp")

_NOT_MEASURING = {
    "advice",
    "checkpoint",
    "api",
    "claim.py",
    "clock.py",
    "cli",
    "compare",
    "curves.py",
    "doctor",
    "drawing.py",
    "ending.py",
    "experiment",
    "gate",
    "listing.py",
    "plan.py",
    "plots",
    "preview.py",
    "published",
    "report",
    "screen.py",
    "shapes.py",
    "skeleton",
    "shard.py",
    "share",
    "suites.py",
    "summary",
    "sweep.py",
    "targets",
    "theory.py",
    "torch",
    "winners.py",
}
"""Parts of the package that cannot change a number: an edit there measures nothing again."""


def environment(device: dict[str, Any], *, outside: Iterable[str] = ()) -> dict[str, Any]:
    """All that is known of this machine and this source, given a device's `describe()`.

    `outside` are formats and matrix files from outside this repository: they are hashed too.
    """
    return {
        **device,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "spmvbench": spmvbench.__version__,
        "commit": _commit(),
        "source_hash": source_hash(),
        "outside": _chosen_by() | dict(map(_outside, sorted(outside))) | _pointed_at(),
        "libraries": _libraries(),
        "blas": _blas(),
    }


def environment_id(entry: dict[str, Any]) -> str:
    """The hash by which rows name their environment."""
    return hashes.of_json(entry)


def same_source(one: dict[str, Any], other: dict[str, Any], *names: str) -> bool:
    """Whether a row would be measured by the same code, from the same files, on the same model.

    `names`: its format and its source of matrices.
    """
    before, now = one.get("outside", {}), other.get("outside", {})
    return all(one.get(k) == other.get(k) for k in ("device", "source_hash")) and all(
        before.get(name) == now.get(name) for name in names
    )


def source_hash() -> str:
    """Hash of every file that can change a number: formats, kernels, baselines, measuring."""
    package = Path(spmvbench.__file__).parent
    files = [
        p for p in package.rglob("*.py") if p.relative_to(package).parts[0] not in _NOT_MEASURING
    ]
    for folder in ("kernels", "baselines"):
        files += [p for p in data_dir(folder).rglob("*") if p.suffix in (".py", ".cu", ".cuh")]
    digest = hashlib.sha256()
    for path in sorted({p.resolve() for p in files}, key=lambda p: (p.name, str(p))):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _outside(name: str) -> tuple[str, str]:
    """A name and the hash of what it names; of a program both were said: `external:NAME=HASH`."""
    if name.startswith(PREFIX):
        program, _, stamp = name.partition("=")
        return program, stamp
    return name, _outside_hash(name)


def _pointed_at() -> dict[str, str]:
    """Hashes of what variables point at, by the formats that are nothing without it."""
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        for variable, names in POINTERS.items()
        if (path := Path(os.environ.get(variable, ""))).is_file()
        for name in names
    }


def _chosen_by() -> dict[str, str]:
    """The table that is no source: a new one is for the rows of `auto`, not for all."""
    table = Path(spmvbench.__file__).parent / "cuda" / "choices.csv"
    return {"auto": hashlib.sha256(table.read_bytes()).hexdigest()[:12]}


def _outside_hash(name: str) -> str:
    """Of a format the content of its file and of those it imports that are not installed.

    Of a source of matrices, which may be large, sizes and dates.
    """
    if ":" not in name or name.startswith("package:"):
        return _stamp(name)
    operator = read(name)
    if operator and not operator.place:
        return _version("torch") or "missing"
    module = outside_module(name)
    if operator:
        module = module.partition(".")[0]
    path = outside_file(name) or module_file(module)
    if path is None or not path.is_file():
        return "missing"
    code = [*files(path, module), *(_code_of(path) if operator else ())]
    digest = hashlib.sha256()
    for file in sorted({file.resolve() for file in code}):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _code_of(path: Path) -> list[Path]:
    """A file, or all code of the package that it begins: kernels are seldom in its first file."""
    if path.name != "__init__.py":
        return [path]
    return sorted(file for file in path.parent.rglob("*") if file.suffix in _CODE)


def _stamp(source: str) -> str:
    try:
        path = locate(source)
    except SourceError:
        return "missing"
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    text = str([(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in files])
    return hashes.of_text(text)


def _commit() -> str:
    """The commit, `+dirty` when tracked files differ; else SPMVBENCH_COMMIT, else `unknown`."""
    top = checkout()
    if top and (top / ".git").exists():
        try:
            commit = _git(top, "rev-parse", "--short=12", "HEAD")
            dirty = _git(top, "status", "--porcelain", "--untracked-files=no")
        except (OSError, subprocess.SubprocessError):
            return os.environ.get("SPMVBENCH_COMMIT", "unknown")
        return commit + ("+dirty" if dirty else "")
    return os.environ.get("SPMVBENCH_COMMIT", "unknown")


def _git(top: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(top), *words], capture_output=True, text=True, check=True, timeout=20
    )
    return done.stdout.strip()


def _libraries() -> dict[str, str]:
    """Versions of packages, and on a GPU of cuBLAS and cuSPARSE, which need not be packages."""
    found = {name: v for name in LIBRARIES if (v := _version(name))}
    # Only a CUDA device imports CuPy; elsewhere 600 MB would be loaded for nothing.
    return found | (versions() if "cupy" in sys.modules else {})


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _blas() -> list[str]:
    """BLAS and OpenMP libraries in this process: `openblas 0.3.30 Haswell`."""
    import numpy  # noqa: F401  its BLAS must be loaded to be seen
    import threadpoolctl

    return sorted(
        " ".join(str(v) for v in (i["internal_api"], i.get("version"), i.get("architecture")) if v)
        for i in threadpoolctl.threadpool_info()
    )
