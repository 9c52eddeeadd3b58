"""Launches that were made through the stand-in for CuPy, made again elsewhere, and what differs.

With sanitizers, in another order of lanes, or by kernels with a mistake in them.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np
from cuhost.host_module import Launch, build
from kernel_table import FOLDER, MAKERS, plain

from spmvbench.problems.bits import words

FEW_KEYS = 0xC0000003
"""A mask that leaves 16 different keys, from all of their range, four alike in the upper half."""


@dataclass(frozen=True)
class Recorded:
    """One launch, and what all its arrays held after it."""

    file: str
    launch: Launch
    after: tuple[np.ndarray, ...]


def with_keys(mask, folder):
    """The kernels' folder, with keys that have no other bits than those of the mask."""
    shutil.copytree(FOLDER, folder)
    change(folder / "philox.cuh", "return u32(word);", f"return u32(word) & {mask:#x}u;")
    return folder


def change(file, old, new):
    text = file.read_text()
    assert text.count(old) == 1, f"{file.name} has {old!r} not exactly once"
    file.write_text(text.replace(old, new))


@contextmanager
def few_keys(mask, folder, monkeypatch):
    """Until the end, keys have no other bits, on the host and in the kernels of `with_keys`."""
    from spmvbench.cuda import module
    from spmvbench.problems import masks, patterns

    def masked(*asked):
        return words(*asked) & np.uint64(0xFFFFFFFF << 32 | mask)

    with monkeypatch.context() as patch:
        patch.setattr(module, "data_dir", lambda name: folder)
        patch.setattr("cupy.kernel.FOLDER", folder)
        patch.setattr(masks, "words", masked)
        patch.setattr(patterns, "words", masked)
        module.of_device.cache_clear()
        yield
    module.of_device.cache_clear()


def record(work, cupy, monkeypatch):
    """The launches of kernels in MAKERS that the work makes, in order."""
    found = []
    original = cupy.kernel.Function.__call__

    def held(arguments):
        return tuple(a.host.copy() if isinstance(a, cupy.ndarray) else a for a in arguments)

    def call(self, grid, block, args, **more):
        before = tuple(plain(a) if isinstance(a, np.ndarray) else a for a in held(args))
        original(self, grid, block, args, **more)
        places = tuple(i for i, a in enumerate(args) if isinstance(a, cupy.ndarray))
        after = tuple(plain(args[i].host.copy()) for i in places)
        file = next(file for file, names in MAKERS.items() if self.name in names)
        found.append(Recorded(file, Launch(self.name, grid[0], block[0], before, places), after))

    with monkeypatch.context() as patch:
        patch.setattr(cupy.kernel.Function, "__call__", call)
        work()
    return found


def differing(recorded, folder: Path = FOLDER, *, sanitized, order=0, timeout_s=300, alone=False):
    """The launches after which an array holds other bytes, with its place. Raises: RuntimeError.

    `alone`: no other kernels of the file are compiled.
    """
    wrong = []
    for file, ones in groupby(sorted(recorded, key=lambda one: one.file), lambda one: one.file):
        todo = list(ones)
        used = sorted({one.launch.kernel for one in todo}) if alone else MAKERS[file]
        module = build(folder / f"{file}.cu", used, sanitized=sanitized)
        launches = [replace(one.launch, order=order) for one in todo]
        for one, arrays in zip(todo, module.run(launches, timeout_s), strict=True):
            wrong += [
                f"{one.launch.kernel}, argument {place}"
                for place, seen, right in zip(one.launch.y, arrays, one.after, strict=True)
                if seen.tobytes() != right.tobytes()
            ]
    return wrong
