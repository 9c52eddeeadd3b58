"""The on-disk cache of kernels: never stale, never in the way, never growing for ever."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numba
import pytest

from spmvbench.cpu import jit

KERNEL = """
from room.helper import step
from room.jit import njit

@njit()
def twice(x):
    return step(step(x))
"""

HELPER = """
from room.jit import njit

@njit()
def step(x):
    return x + {by}
"""

RUN = "from room.kernel import twice; print(twice(0), sum(twice.stats.cache_hits.values()))"


@pytest.fixture
def room(tmp_path):
    """A copy of `jit` with a kernel in one file and the helper that it calls in another."""
    folder = tmp_path / "room"
    folder.mkdir()
    shutil.copy(jit.__file__, folder)
    (folder / "kernel.py").write_text(KERNEL)
    (folder / "helper.py").write_text(HELPER.format(by=1))
    return folder


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """An empty user cache, and a `jit` that has not looked for one yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    jit.cache_folder.cache_clear()
    yield tmp_path / "spmvbench" / "numba"
    jit.cache_folder.cache_clear()


def run(room: Path, cache: Path) -> list[int]:
    """What `twice(0)` gives in a new process, and how often it came from the cache."""
    process = subprocess.run(
        [sys.executable, "-c", RUN],
        cwd=room.parent,
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    return [int(word) for word in process.stdout.split()]


def test_a_kernel_is_cached_until_a_helper_in_another_file_is_edited(room, tmp_path):
    assert run(room, tmp_path / "cache") == [2, 0]
    assert run(room, tmp_path / "cache") == [2, 1]
    (room / "helper.py").write_text(HELPER.format(by=5))
    assert run(room, tmp_path / "cache") == [10, 0]


def test_without_a_writable_cache_kernels_run_uncached(room, tmp_path):
    (tmp_path / "file").touch()
    assert run(room, tmp_path / "file") == [2, 0]
    assert not list(room.rglob("*.nbi"))


def test_a_nearly_full_disk_is_left_alone(fresh, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=jit.ROOM))
    assert jit.cache_folder() is None


def test_a_relative_xdg_cache_home_counts_as_unset(fresh, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert jit.cache_folder().is_relative_to(tmp_path / ".cache")


def test_only_the_folders_used_last_are_kept(fresh):
    for age in range(9):
        old = fresh / f"old{age}"
        old.mkdir(parents=True)
        os.utime(old, (10**9 - age, 10**9 - age))
    kept = {path.name for path in (fresh / jit.cache_folder().name).parent.iterdir()}
    assert kept == {jit.cache_folder().name, "old0", "old1", "old2"}


def test_the_hash_follows_names_and_contents(tmp_path):
    hashes = set()
    for name, text in [("a.py", "x"), ("a.py", "y"), ("b.py", "y"), ("c.txt", "y")]:
        (tmp_path / name).write_text(text)
        hashes.add(jit.sources_hash(tmp_path))
    assert len(hashes) == 3  # a text file is no source


def test_the_cache_setting_of_other_code_is_left_as_it_was(monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", "elsewhere")
    jit.njit()(lambda x: x)
    assert numba.config.CACHE_DIR == "elsewhere"


def _twice(x):
    return 2 * x


def test_kernels_of_other_files_are_not_kept(fresh):
    assert jit.njit()(_twice)(3) == 6
    assert not list(fresh.rglob("*.nb?"))
