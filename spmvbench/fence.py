"""An array between bytes that nobody may write, or that spoil a product which reads them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from spmvbench.dtypes import DTYPES, Array
from spmvbench.formats.base import Target

BYTES = 4096
"""On each side: a tile of 32 rows and 32 columns of float32. A multiple of every alignment."""

_MARK = 0xA5


class Holder(Target, Protocol):
    """A device, as far as a fence needs one."""

    def get(self, array: Array) -> Array:
        """A host copy, when all work before is done."""
        ...


@dataclass(frozen=True)
class Fence:
    """`whole`: all bytes, of which those of `inside` may be written."""

    inside: Array
    whole: Array

    def crossed(self, device: Holder, what: str) -> str:
        """`wrote 4 bytes past the end of y`, `what` being y; empty when nothing was."""
        before = np.flatnonzero(device.get(self.whole[:BYTES]) != _MARK)
        after = np.flatnonzero(device.get(self.whole[-BYTES:]) != _MARK)
        if len(after):
            return f"wrote {int(after[-1]) + 1} bytes past the end of {what}"
        if len(before):
            return f"wrote {BYTES - int(before[0])} bytes before the beginning of {what}"
        return ""


def fenced(device: Target, shape: int | tuple[int, ...], dtype: str) -> Fence:
    """An uninitialised array on the device, as `Target.empty` gives it, with its fence."""
    kind = DTYPES.get(dtype) or np.dtype(dtype)
    sizes = (shape,) if isinstance(shape, int) else shape
    nbytes = math.prod(sizes) * kind.itemsize
    whole = device.empty(nbytes + 2 * BYTES, "uint8")
    whole.fill(_MARK)
    return Fence(whole[BYTES : BYTES + nbytes].view(kind).reshape(sizes), whole)


def between_nans(device: Target, array: Array) -> Array:
    """A copy of a host array of floats on the device, with NaN before and behind it.

    What reads beyond it multiplies by NaN: a padded value of zero does not hide that.
    """
    room = BYTES // array.itemsize
    whole = np.full(array.size + 2 * room, np.nan, array.dtype)
    whole[room : room + array.size] = array.reshape(-1)
    return device.put(whole)[room : room + array.size].reshape(array.shape)
