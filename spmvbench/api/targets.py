"""What products are planned for: the CPU or a GPU, where the packed arrays are already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from spmvbench.api.places import Place, import_cupy
from spmvbench.devices.cpu import CpuDevice
from spmvbench.dtypes import DTYPES, Array
from spmvbench.formats.base import Packed


class Host(CpuDevice):
    """The CPU. The arrays lie in memory once: as `packed`, and as all plans have them put."""

    def __init__(self, packed: Packed) -> None:
        """Move the arrays to where kernels can load whole vectors up to their ends."""
        from spmvbench.cpu.simd.room import SLACK

        super().__init__()
        self._rooms: list[Array] = []
        arrays = {}
        for name, array in packed.arrays.items():
            room = self.empty(array.size + SLACK, str(array.dtype))
            room[: array.size], room[array.size :] = array, np.zeros(SLACK, array.dtype)
            self._rooms.append(room.view(np.uint8))
            arrays[name] = room[: array.size]
        self.packed = replace(packed, arrays=arrays)

    def put(self, array: Array) -> Array:
        """What is there and has these bytes; no product writes into it. Else a copy."""
        wanted = array.reshape(-1).view(np.uint8)
        for room in self._rooms:
            there = room[: wanted.size]
            if np.array_equal(there, wanted):
                return there.view(array.dtype).reshape(array.shape)
        return super().put(array)


@dataclass
class Gpu:
    """The GPU on which the packed arrays are."""

    place: Place
    batch: int
    kind: str = "cuda"
    threads: int = 1

    def put(self, array: Array) -> Array:
        """Itself where it is there; else a copy."""
        there: Array = import_cupy().asarray(array)
        return there

    def empty(self, shape: int | tuple[int, ...], dtype: str) -> Array:
        """See `Target.empty`."""
        made: Array = import_cupy().empty(shape, DTYPES.get(dtype) or np.dtype(dtype))
        return made


@contextmanager
def numba_threads() -> Iterator[int]:
    """The threads that Numba has, and has again afterwards.

    A plan sets them to what its own matrix needs, and every product of the process would have them.
    """
    import numba

    threads = numba.get_num_threads()
    try:
        yield threads
    finally:
        numba.set_num_threads(threads)
