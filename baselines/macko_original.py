"""MACKO as its authors ship it: the torch operator of their package `macko_spmv`."""

from __future__ import annotations

import importlib
import importlib.util

import numpy as np

from spmvbench.dtypes import Array
from spmvbench.formats.base import Format, MatVec, Packed, Target
from spmvbench.formats.macko import Macko
from spmvbench.problems.base import Problem

from . import _torch

PACKAGE = "macko_spmv"

BLOCK_ROWS = 32
"""Rows of a block of the authors' kernel: it reads the row pointers of all of them."""


class MackoOriginal(Format):
    """`torch.ops.macko_spmv.multiply`, on the arrays that `macko` packs: the layout is one.

    The operator gives a new vector each time, which is copied into y; both are timed.
    """

    name = "macko-original"
    devices = ("cuda",)
    dtypes = ("float16",)

    def unavailable(self, device: str, problem: Problem | None = None) -> str | None:
        """See `Format.unavailable`. Looks for the packages without importing them."""
        if reason := super().unavailable(device, problem):
            return reason
        if problem and problem.batch > 1:
            return f"{self.name} takes one vector, not {problem.batch}"
        if reason := _torch.missing(device):
            return f"{self.name}: {reason}"
        if importlib.util.find_spec(PACKAGE) is None:
            return f"{PACKAGE} is not installed; docs/baselines.md says what it needs"
        return None

    def pack(self, dense: Array) -> Packed:
        """See `Format.pack`."""
        return Macko().pack(dense)

    def unpack(self, packed: Packed) -> Array:
        """See `Format.unpack`."""
        return Macko().unpack(packed)

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """See `Format.plan`. Importing the package compiles it, once per installation."""
        import torch

        _torch.configure(device)
        importlib.import_module(PACKAGE)
        operator = torch.ops.macko_spmv.multiply.default
        shared = _torch.sharing("float16", device)
        pointers = self._padded(packed.arrays["row_pointers"])
        arrays = (packed.arrays["values"], packed.arrays["deltas"], pointers)
        parts = [shared(device.put(array)) for array in arrays]
        rows, cols = packed.shape

        def matvec(x: Array, y: Array) -> None:
            shared(y).copy_(operator(*parts, rows, cols, shared(x)))

        return _torch.on_current_stream(matvec, device)

    def _padded(self, pointers: Array) -> Array:
        """The row pointers of whole blocks: empty rows behind the last.

        Raises: ValueError for pointers of 64 bits, which the operator does not take.
        """
        if pointers.dtype != np.int32:
            raise ValueError(f"{self.name}: more entries than 32-bit row pointers can count")
        padding = -(pointers.size - 1) % BLOCK_ROWS
        return np.concatenate([pointers, np.full(padding, pointers[-1], np.int32)])
