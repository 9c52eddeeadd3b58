"""Which formats are timed together: as many as fit the memory, each time with the baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spmvbench.formats.base import Format


@dataclass(frozen=True)
class Entry:
    """A format that may run: the name it was asked by, its place in the case, its likely bytes."""

    name: str
    index: int
    format: Format
    packed_bytes: int


def groups(entries: Sequence[Entry], room: int) -> list[list[Entry]]:
    """The formats that fit `room` bytes together; every group has the possible baselines.

    What does not fit beside them is alone with them, and fails there by itself.
    """
    anchors = [e for e in entries if e.format.dense and e.format.lossless]
    found: list[list[Entry]] = []
    current = list(anchors)
    for entry in (e for e in entries if e not in anchors):
        full = sum(e.packed_bytes for e in (*current, entry)) > room
        if full and len(current) > len(anchors):
            found.append(current)
            current = list(anchors)
        current.append(entry)
    return [*found, current] if current else found
