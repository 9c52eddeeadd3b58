"""Products of one packed matrix with any number of vectors, each planned when first asked for."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from spmvbench.api.places import CPU, Place, import_cupy
from spmvbench.api.targets import Gpu, Host, numba_threads
from spmvbench.dtypes import Array
from spmvbench.formats.base import MatVec, Packed
from spmvbench.formats.macko import Macko

MOST = 8
"""Vectors of one product: no kernel takes more, so the matrix is read once for so many."""

LOAD = 16
"""Bytes of the widest load of a kernel on a GPU, which has to be aligned."""


class Products(ABC):
    """`multiply(x, y)` writes A x into y. One at a time: plans have buffers of their own."""

    _one_at_a_time: threading.Lock

    def __init__(self, packed: Packed) -> None:
        """Nothing is planned yet."""
        self.packed = packed
        self._plans: dict[int, MatVec] = {}

    def multiply(self, x: Array, y: Array) -> None:
        """Shapes: x (cols,) and y (rows,), or (cols, batch) and (rows, batch), any batch."""
        with self._one_at_a_time:
            if x.ndim == 1:
                self._few(x, y)
                return
            for one, other in _parts(x, y):
                self._few(one, other)

    def plan(self, batch: int) -> MatVec:
        """The product with so many vectors, compiled."""
        if batch not in self._plans:
            self._plans[batch] = self._planned(batch)
        return self._plans[batch]

    @abstractmethod
    def _planned(self, batch: int) -> MatVec: ...

    @abstractmethod
    def _few(self, x: Array, y: Array) -> None:
        """At most MOST vectors."""


def products(packed: Packed, place: Place) -> Products:
    """Of a matrix whose arrays are in that place."""
    return OnHost(packed) if place == CPU else OnGpu(packed, place)


def _parts(x: Array, y: Array) -> Iterator[tuple[Array, Array]]:
    """MOST vectors at a time, and what is left; one vector has one axis."""
    for first in range(0, x.shape[1], MOST):
        part = slice(first, first + MOST)
        one, other = x[:, part], y[:, part]
        yield (one[:, 0], other[:, 0]) if one.shape[1] == 1 else (one, other)


class OnHost(Products):
    """Kernels take and give contiguous float32; anything else is copied, which is exact for x.

    One product at a time in the whole process: each uses all threads, and not every kind of thread
    pool that Numba may have found can be entered twice.
    """

    _one_at_a_time = threading.Lock()

    def __init__(self, packed: Packed) -> None:
        """Nothing is planned yet."""
        self._host = Host(packed)
        super().__init__(self._host.packed)

    def _planned(self, batch: int) -> MatVec:
        with numba_threads() as threads:
            self._host.threads, self._host.batch = threads, batch
            return Macko().plan(self.packed, self._host)

    def _few(self, x: Array, y: Array) -> None:
        fits = y.dtype == np.float32 and y.flags.c_contiguous
        sums = y if fits else np.empty(y.shape, np.float32)
        batch = 1 if x.ndim == 1 else x.shape[1]
        self.plan(batch)(np.ascontiguousarray(x, np.float32), sums)
        if not fits:
            y[...] = sums


class OnGpu(Products):
    """Kernels take a few numbers of vectors, aligned; others go through padded buffers, kept."""

    def __init__(self, packed: Packed, place: Place) -> None:
        """Nothing is planned yet. Arrays that kernels could not load are copied."""
        ready = {n: a if _is_ready(a) else a.copy() for n, a in packed.arrays.items()}
        super().__init__(replace(packed, arrays=ready))
        self._one_at_a_time = threading.Lock()
        self._place = place
        self._rooms: dict[int, tuple[Array, Array]] = {}

    def _planned(self, batch: int) -> MatVec:
        return Macko().plan(self.packed, Gpu(self._place, batch))

    def _few(self, x: Array, y: Array) -> None:
        batch = 1 if x.ndim == 1 else x.shape[1]
        planned = min(b for b in Macko.batches["cuda"] if b >= batch)
        if planned == batch and _is_ready(x) and _is_ready(y):
            self.plan(batch)(x, y)
            return
        room_x, room_y = self._room(planned)
        of_x, of_y = (r if planned == 1 else r[:, :batch] for r in (room_x, room_y))
        of_x[...] = x
        self.plan(planned)(room_x, room_y)
        y[...] = of_y

    def _room(self, batch: int) -> tuple[Array, Array]:
        """Buffers for x and y of so many vectors. Columns of x without a vector may hold any."""
        if batch not in self._rooms:
            cupy, axis = import_cupy(), (batch,) if batch > 1 else ()
            rows, cols = self.packed.shape
            dtype = self.packed.arrays["values"].dtype
            self._rooms[batch] = (
                cupy.zeros((cols, *axis), dtype),
                cupy.empty((rows, *axis), dtype),
            )
        return self._rooms[batch]


def _is_ready(array: Any) -> bool:
    """Whether kernels may load it 16 bytes at a time."""
    return bool(array.flags.c_contiguous and array.data.ptr % LOAD == 0)
