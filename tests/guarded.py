"""Memory that nothing may be read or written next to: one page before and one behind, forbidden."""

from __future__ import annotations

import ctypes
import mmap
from dataclasses import dataclass

import numpy as np
from host_target import NAN, HostTarget

PAGE = mmap.PAGESIZE
_libc = ctypes.CDLL(None, use_errno=True)
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def guarded(nbytes, at_end):
    """So many bytes that end, or begin, where a forbidden page does."""
    pages = -(-max(nbytes, 1) // PAGE)
    memory = mmap.mmap(-1, (pages + 2) * PAGE)
    array = np.frombuffer(memory, np.uint8)
    start = array.ctypes.data
    for page in (0, pages + 1):
        if _libc.mprotect(start + page * PAGE, PAGE, 0):
            raise OSError(ctypes.get_errno(), "mprotect")
    first = (pages + 1) * PAGE - nbytes if at_end else PAGE
    return array[first : first + nbytes]


@dataclass(frozen=True)
class GuardedTarget(HostTarget):
    """A CPU all of whose arrays are guarded. At the end they are not aligned to 64 bytes."""

    at_end: bool = False

    def empty(self, shape, dtype):
        nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        room = guarded(nbytes, self.at_end)
        room[:] = NAN
        return room.view(dtype).reshape(shape)


def product(fmt, packed, x, at_end, threads=1):
    """y = A x, with x and y guarded too."""
    target = GuardedTarget(threads, 1 if x.ndim == 1 else x.shape[1], at_end=at_end)
    y = target.put(np.full((packed.shape[0], *x.shape[1:]), np.nan, np.float32))
    fmt.plan(packed, target)(target.put(x), y)
    return y.copy()  # the pages are free again
