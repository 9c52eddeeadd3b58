"""Plug-ins for the tests, compiled from our own C."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from spmvbench.plugin import HEADER, example

HERE = Path(__file__).parent
BUILD = HERE.parent.parent / "build" / "plugins"
EXAMPLE = example("cpu")
STRANGER = HERE / "stranger.c"
COMPILER = "gcc"
FLAGS = ("-O2", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror")

MISSING = "" if shutil.which(COMPILER) else f"no C compiler: {COMPILER} is not installed"


def build(source: Path | str, *options: str, flags: tuple[str, ...] = FLAGS) -> Path:
    """The library of a C file, or of the text of one, compiled or from the cache."""
    text = source.read_text() if isinstance(source, Path) else source
    parts = (text, HEADER.read_text(), *flags, *options)
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    library = BUILD / f"{key}.so"
    if not library.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        partial = library.with_suffix(f".{os.getpid()}")  # another process may compile the same
        command = [COMPILER, *flags, *options, f"-I{HEADER.parent}", "-x", "c", "-", "-lm"]
        subprocess.run([*command, "-o", str(partial)], input=text, text=True, check=True)
        partial.replace(library)
    return library


def stranger(how: str) -> Path:
    """tests/plugins/stranger.c, misbehaving in that way."""
    return build(STRANGER, f"-DHOW={how}")


def program() -> Path:
    """tests/plugins/program.c as a program."""
    return build(HERE / "program.c", flags=("-O2", "-Wall", "-Wextra", "-Werror"))
