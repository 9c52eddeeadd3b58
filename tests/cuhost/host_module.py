"""Compiles a kernel file for the CPU, and runs launches of it in a process of their own.

A process of its own, as a wrong kernel may end it, and as AddressSanitizer has to be there first.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BUILD = HERE.parent.parent / "build" / "cuhost"
WHEELS = ("nvidia-cuda-runtime", "nvidia-cuda-crt", "nvidia-cuda-cccl", "cuda-pathfinder")
COMPILER = "g++"
# -O1: kernels of a few matrices run for less time than -O2 takes to compile them.
# The kernels read arrays through other types, which nvcc allows.
FLAGS = ("-std=c++17", "-O1", "-g1", "-fPIC", "-fno-strict-aliasing", "-w")
SANITIZED = (
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=undefined",
    "-fno-omit-frame-pointer",
)
ENTRY = """\
extern "C" int cuhost_{index}(
    const unsigned* sizes, void** arguments, char* message, size_t room) {{
    return cuhost::run({kernel}, sizes, arguments, message, room);
}}
"""


def missing() -> str:
    """Why nothing can be compiled here; empty when it can."""
    if not shutil.which(COMPILER):
        return f"no C++ compiler: {COMPILER} is not installed"
    for wheel in WHEELS:
        try:
            importlib.metadata.version(wheel)
        except importlib.metadata.PackageNotFoundError:
            return f"{wheel} is not installed: pip install 'spmvbench[cuda-check]'"
    return "" if os.uname().machine == "x86_64" else "fibers are written for x86-64 only"


@dataclass(frozen=True)
class Launch:
    """One launch: arguments in order, arrays and NumPy scalars; `y` is the place of the result.

    Several results: their places, and `run` gives a tuple of them.
    `shifts`: bytes that the address of an array is lowered by, for entries far from its start.
    `first`: the blocks before it are left out.
    `shared`: bytes of dynamic shared memory.
    """

    kernel: str
    grid: int
    threads: int
    arguments: tuple[Any, ...]
    y: int | tuple[int, ...]
    order: int = 0
    shifts: tuple[int, ...] = ()
    first: int = 0
    shared: int = 0


@dataclass(frozen=True)
class HostModule:
    """The kernels of a file, compiled. `sanitized`: a wrong access ends the process."""

    library: Path
    kernels: tuple[str, ...]
    sanitized: bool

    def run(self, launches: Sequence[Launch], timeout_s: float = 300) -> list[Any]:
        """The y of each launch. Raises: RuntimeError with what ended the process, or timed out."""
        todo = [
            (
                self.kernels.index(one.kernel),
                (one.grid, one.threads, one.order, one.first, one.shared),
                one.arguments,
                one.y,
                one.shifts,
            )
            for one in launches
        ]
        with tempfile.TemporaryDirectory() as folder:
            asked, answered = Path(folder, "asked"), Path(folder, "answered")
            asked.write_bytes(pickle.dumps((str(self.library), todo)))
            command = [sys.executable, str(HERE / "launches.py"), str(asked), str(answered)]
            env = _environment(self.sanitized)
            try:
                done = subprocess.run(command, env=env, capture_output=True, timeout=timeout_s)
            except subprocess.TimeoutExpired as stuck:
                raise RuntimeError(f"still running after {timeout_s} s") from stuck
            if done.returncode:
                raise RuntimeError(done.stderr.decode(errors="replace")[-4000:])
            return pickle.loads(answered.read_bytes())


def build(source: Path, kernels: Sequence[str], *, sanitized: bool = False) -> HostModule:
    """The kernels, named as C++ names them (`macko<__half, 1, int>`), compiled or from the cache.

    Raises: RuntimeError with what the compiler says, when they do not compile.
    """
    header = _header(sanitized)
    entries = [ENTRY.format(index=i, kernel=name) for i, name in enumerate(kernels)]
    text = "\n".join([f'#include "{source.name}"', *entries])
    parts = [text, *_texts(source.parent), header.parent.name]
    library = BUILD / f"{source.stem}-{_hash(parts)}.so"
    if not library.exists():
        command = [*_command(sanitized), "-include", str(header), f"-I{source.parent}"]
        _compile([*command, "-shared", "-x", "c++", "-"], library, text)
    return HostModule(library, tuple(kernels), sanitized)


@cache
def _header(sanitized: bool) -> Path:
    """cuhost.hpp in a folder with itself precompiled: it is most of what a file takes."""
    headers = [path.read_text() for path in sorted(HERE.glob("*.hpp"))]
    versions = [importlib.metadata.version(wheel) for wheel in WHEELS]
    compiler = subprocess.run(
        [COMPILER, "-dumpfullversion"], check=True, capture_output=True, text=True
    ).stdout
    folder = BUILD / _hash([*headers, *versions, compiler, *_command(sanitized)])
    folder.mkdir(parents=True, exist_ok=True)
    for path in HERE.glob("*.hpp"):
        (folder / path.name).write_text(path.read_text())
    header = folder / "cuhost.hpp"
    compiled = folder / "cuhost.hpp.gch"
    if not compiled.exists():
        _compile([*_command(sanitized), "-x", "c++-header", str(header)], compiled, "")
    return header


def _command(sanitized: bool) -> list[str]:
    from cuda.pathfinder import find_nvidia_header_directory

    folders = [find_nvidia_header_directory(name) for name in ("cudart", "cccl")]
    includes = [f"-isystem{folder}" for folder in folders if folder]
    return [COMPILER, *FLAGS, *(SANITIZED if sanitized else ()), *includes]


def _compile(command: list[str], to: Path, text: str) -> None:
    """To a name of its own first: another process may compile the same."""
    partial = to.with_suffix(f".{os.getpid()}")
    done = subprocess.run(
        [*command, "-o", str(partial)], input=text, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(done.stderr[:4000])
    partial.replace(to)


def _texts(folder: Path) -> list[str]:
    return [p.read_text() for p in sorted([*folder.glob("*.cu"), *folder.glob("*.cuh")])]


def _hash(parts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _environment(sanitized: bool) -> dict[str, str]:
    if not sanitized:
        return dict(os.environ)
    return os.environ | {
        "LD_PRELOAD": f"{_runtime('libasan.so')} {_runtime('libstdc++.so')}",
        "PYTHONMALLOC": "malloc",  # every array a block of its own, with forbidden memory around it
        "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=0",
    }


@cache
def _runtime(name: str) -> str:
    command = [COMPILER, f"-print-file-name={name}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
