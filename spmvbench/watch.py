"""What a worker is doing, readable from outside even when it hangs or has died: 16 mapped bytes.

A pipe message per step would cost the worker a system call before every timed product; a store to
mapped memory costs nothing, and survives a crash.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

_LAYOUT = struct.Struct("=qii")

STAGES = ("idle", "problem", "pack", "plan", "check", "product", "overhead", "probe", "unpack")

_WORDS = {"check": "the product", "product": "the product, while timed"}


@dataclass(frozen=True)
class Step:
    """The step a worker is in: how many came before, which format of its case (-1: none), what."""

    count: int
    format: int
    stage: str

    @property
    def words(self) -> str:
        """The stage as the author of a format knows it: `pack`, `plan`, `the product`."""
        return _WORDS.get(self.stage, self.stage)


class Watch:
    """The mapped bytes: one process writes, another reads."""

    def __init__(self, path: Path) -> None:
        """Map the file, which is made where it does not exist."""
        if not path.exists():
            path.write_bytes(_LAYOUT.pack(0, -1, 0))
        with path.open("r+b") as file:
            self._bytes = mmap.mmap(file.fileno(), _LAYOUT.size)
        self._count = 0

    def enter(self, stage: str, format: int = -1) -> None:
        """Say that a step begins."""
        self._count += 1
        _LAYOUT.pack_into(self._bytes, 0, self._count, format, STAGES.index(stage))

    def read(self) -> Step:
        """The step begun last."""
        count, format, stage = _LAYOUT.unpack_from(self._bytes, 0)
        return Step(count, format, STAGES[stage])
