"""Kernels that only move bytes: to empty a cache, to bring x there, to see what a device can do."""

from __future__ import annotations

from typing import Any

import numpy as np

from spmvbench.cuda.module import kernel

_LOAD = 16  # bytes that kernels/timing.cu moves at a time
_THREADS = 512

BLOCKS = 4
"""Of so many threads: the 2,048 that a multiprocessor holds."""


def read(array: Any, sink: Any, blocks: int) -> None:
    """Queue a read of an array's whole loads. Shape: sink (1,) uint32, not written in practice."""
    loads = np.int64(array.nbytes // _LOAD)
    kernel("timing.cu", "read_all")((blocks,), (_THREADS,), (array, loads, sink))


def copy(here: Any, there: Any, blocks: int) -> None:
    """Queue a copy of an array's whole loads."""
    loads = np.int64(here.nbytes // _LOAD)
    kernel("timing.cu", "copy_all")((blocks,), (_THREADS,), (here, there, loads))


def nothing() -> None:
    """Queue a kernel that does nothing."""
    kernel("timing.cu", "nothing")((1,), (32,), ())
