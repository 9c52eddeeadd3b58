"""The stand-ins for NVIDIA's libraries, and for Sputnik, compiled and loaded.

Their sources know the official interface by name only. The headers that they take the names from
are in include/, in our own words; where NVIDIA's are installed they compile with those as well.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import subprocess
from pathlib import Path

from cuhost.host_module import COMPILER

HERE = Path(__file__).parent
BUILD = HERE.parent.parent / "build" / "standins"
SOURCES = {"cublas": "cublas.cpp", "cublasLt": "cublaslt.cpp", "cusparse": "cusparse.cpp"}
OTHERS = {"sputnik": "sputnik.cpp"}
FLAGS = ("-std=c++17", "-O2", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", f"-I{HERE}")


class StandIn:
    """A library that notes its calls, checks its arguments, and fails when it is told to."""

    def __init__(self, name: str, *options: str) -> None:
        self.cdll = ctypes.CDLL(str(build(name, *options)))
        for text in ("standin_calls", "standin_complaint"):
            getattr(self.cdll, text).restype = ctypes.c_char_p
        self.cdll.standin_reset()

    @property
    def calls(self) -> list[str]:
        """The calls since the last reset, in order, some with a few of their arguments."""
        return self.cdll.standin_calls().decode().splitlines()

    @property
    def complaint(self) -> str:
        """The last argument that was refused, as the condition it broke."""
        return self.cdll.standin_complaint().decode()

    @property
    def alive(self) -> int:
        """How many descriptors are not destroyed yet."""
        return self.cdll.standin_alive()

    def fail(self, call: str, status: int = 1) -> None:
        self.cdll.standin_fail(call.encode(), status)

    def reset(self) -> None:
        self.cdll.standin_reset()


def build(name: str, *options: str, headers: tuple[str, ...] = (f"-I{HERE / 'include'}",)) -> Path:
    """The library, compiled or from the cache. Raises: RuntimeError with what the compiler says."""
    texts = [p.read_text() for p in sorted(HERE.rglob("*.[hc]*p*"))]
    key = hashlib.sha256("\0".join([*texts, *FLAGS, *options, *headers]).encode()).hexdigest()
    library = BUILD / f"{name}-{key[:16]}.so"
    if not library.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        partial = library.with_suffix(f".{os.getpid()}")  # another process may compile the same
        source = str(HERE / (SOURCES | OTHERS)[name])
        command = [COMPILER, *FLAGS, *headers, *options, source, "-o", str(partial)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr[:4000])
        partial.replace(library)
    return library
