"""`njit` for kernels, with an on-disk cache that an edit of any kernel file makes new.

Numba stamps a cached kernel with the file it stands in, not with the files of the helpers that were
compiled into it: after an edit of a helper it would go on running the old machine code. So the
cache lies in a folder named after the content of all files here; kernels of other files have none.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])

FOLDERS_KEPT = 4
"""Enough for two checkouts going back and forth between two branches each."""

ROOM = 64 * 2**20
"""Free bytes asked for: all kernels in all types take less, and a full disk stops no product."""

_HERE = Path(__file__).resolve().parent

_SUMS = {"reassoc", "contract"}
"""What a vectorised sum needs. Not `nnan` or `ninf`: NaN and Inf of a matrix have to come out."""


def njit(
    *, parallel: bool = False, any_order: bool = False, inline: bool = False
) -> Callable[[F], F]:
    """A decorator that compiles a module-level function at its first call and caches the result.

    `any_order`: float sums may be reordered, so that LLVM vectorises them. `inline`: becomes part
    of its caller, whatever its size: vectors do not stay in registers across a call.
    A function made inside another one would miss the cache at every start.
    """

    def compiled(function: F) -> F:
        folder = cache_folder() if _stands_here(function) else None
        with _numba_caches_in(folder):
            kernel = numba.njit(
                cache=folder is not None,
                nogil=True,
                parallel=parallel,
                forceinline=inline,
                fastmath=_SUMS if any_order else False,
                error_model="numpy",
            )(function)
        return cast(F, kernel)

    return compiled


def _stands_here(function: Callable[..., Any]) -> bool:
    """Whether the name of the cache follows the function's file."""
    return Path(function.__code__.co_filename).resolve().is_relative_to(_HERE)


@functools.cache
def cache_folder() -> Path | None:
    """Where this version of the kernels is cached; None when nothing can be kept there."""
    root = _user_cache()
    folder = root / "spmvbench" / "numba" / sources_hash(_HERE) if root else None
    if folder is None or not _usable(folder):
        return None
    _forget_old(folder.parent)
    return folder


def sources_hash(folder: Path) -> str:
    """Names the content of all Python files below a folder, and the Numba that compiles them."""
    digest = hashlib.sha256(numba.__version__.encode())
    for file in sorted(folder.rglob("*.py")):
        digest.update(file.relative_to(folder).as_posix().encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _user_cache() -> Path | None:
    """XDG_CACHE_HOME, or ~/.cache where that is unset or relative, as the XDG standard has it."""
    for place in (os.environ.get("XDG_CACHE_HOME", ""), os.path.expanduser("~/.cache")):
        if os.path.isabs(place):
            return Path(place)
    return None


def _usable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)  # the last use: `_forget_old` goes by it
        with tempfile.TemporaryFile(dir=folder):
            return shutil.disk_usage(folder).free > ROOM
    except OSError:
        return False


def _forget_old(root: Path) -> None:
    """Delete all but the folders used last. Another process may be doing the same."""
    ages = []
    for folder in root.iterdir():
        try:
            ages.append((folder.stat().st_mtime, folder))
        except OSError:
            continue
    for _, folder in sorted(ages, reverse=True)[FOLDERS_KEPT:]:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _numba_caches_in(folder: Path | None) -> Iterator[None]:
    """Numba reads this setting while a function is decorated; other code keeps its own."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder or "")
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before
