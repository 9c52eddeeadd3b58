"""Where the operators of the tests are; the one in C++ is compiled."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
BUILD = HERE.parent.parent / "build" / "operators"
MINE = HERE / "mine.py"
COMPILER = "g++"
FLAGS = ("-std=c++20", "-O1", "-shared", "-fPIC")


def missing() -> str:
    """Why nothing can be compiled here, in words for a skipped test."""
    if shutil.which(COMPILER) is None:
        return f"no C++ compiler: {COMPILER} is not installed"
    if not (torch_folder() / "include").is_dir():
        return "this PyTorch has no headers"
    return ""


def torch_folder() -> Path:
    """PyTorch's folder, without importing it."""
    spec = importlib.util.find_spec("torch")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def library() -> Path:
    """csr.cpp as a shared library, compiled against this PyTorch or from the cache."""
    import torch

    source, folder = HERE / "csr.cpp", torch_folder()
    parts = (source.read_text(), torch.__version__, str(folder), *FLAGS)
    target = BUILD / f"{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:16]}.so"
    if not target.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(f".{os.getpid()}")  # another process may compile the same
        lib = folder / "lib"
        links = (f"-L{lib}", "-lc10", "-ltorch_cpu", f"-Wl,-rpath,{lib}")
        command = [COMPILER, *FLAGS, f"-I{folder / 'include'}", str(source), *links]
        subprocess.run([*command, "-o", str(partial)], check=True)
        partial.replace(target)
    return target
