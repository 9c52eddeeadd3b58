"""CuPy without a GPU, as far as spmvbench uses it: arrays on NumPy, kernels on tests/cuhost.

As strict as CuPy is where a mistake would show on a GPU only: host and device arrays do not mix,
nothing becomes a NumPy array by itself, memory is not zero because it is new.
"""

from __future__ import annotations

import functools

import numpy as np

from . import cuda, kernel
from .array import ndarray, put, refuse_host, unwrapped, wrapped

__all__ = ["asarray", "ascontiguousarray", "asnumpy", "cuda", "empty", "kernel", "ndarray"]

__version__ = "14.2.0"


def is_available():
    return True


def asarray(value, dtype=None):
    """On the device; the same array if it is there already and of that type."""
    if isinstance(value, ndarray):
        return value if dtype in (None, value.dtype) else value.astype(dtype)
    return put(np.asarray(value, dtype))


def array(value, dtype=None, copy=True):
    return put(unwrapped(value) if dtype is None else np.asarray(unwrapped(value), dtype))


def ascontiguousarray(value, dtype=None):
    there = asarray(value, dtype)
    return there if there.flags.c_contiguous else there.copy()


def asnumpy(value):
    return value.get()


def empty(shape, dtype=float):
    made = put(np.empty(shape, dtype))
    made.host.view(np.uint8).reshape(-1)[:] = 0xFF if made.size else 0
    return made


def get_default_memory_pool():
    return cuda.POOL


def __getattr__(name):
    found = getattr(np, name)
    if isinstance(found, type) or not callable(found):
        return found

    @functools.wraps(found)
    def on_device(*args, **kwargs):
        cuda.STATE.check()
        refuse_host(args, kwargs)
        return wrapped(found(*unwrapped(args), **unwrapped(kwargs)))

    return on_device
