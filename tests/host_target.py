"""The least that a format may ask of a CPU to plan a product for, and products through it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spmvbench.dtypes import HALF_SUBNORMAL, ROUNDOFF

ALIGNMENT = 64

NAN = 0xFF
"""Bytes that are NaN in every type of float: what is read before it was written shows in y."""


@dataclass(frozen=True)
class HostTarget:
    threads: int = 1
    batch: int = 1
    kind: str = "cpu"

    def put(self, array):
        copy = self.empty(array.shape, array.dtype)
        copy[...] = array
        return copy

    def empty(self, shape, dtype):
        nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        raw = np.full(nbytes + ALIGNMENT, NAN, np.uint8)
        start = -raw.ctypes.data % ALIGNMENT
        return raw[start : start + nbytes].view(dtype).reshape(shape)


def vectors(cols, batch=1, seed=0):
    shape = cols if batch == 1 else (cols, batch)
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def product(fmt, packed, x, threads=1):
    """y = A x by the format, y full of NaN before."""
    batch = 1 if x.ndim == 1 else x.shape[1]
    target = HostTarget(threads, batch)
    y = np.full((packed.shape[0], *x.shape[1:]), np.nan, np.float32)
    fmt.plan(packed, target)(target.put(x), y)
    return y


def worst_error(y, dense, x):
    """The largest error as a share of what float32 sums in any order may have: above 1 is wrong.

    Source: Higham, Accuracy and Stability of Numerical Algorithms, section 3.1 (gamma_n); one more
    rounding for the product of each entry, one for the store.
    """
    a, b = dense.astype(np.float64), x.astype(np.float64)
    n = (np.count_nonzero(dense, axis=1) + 1) * ROUNDOFF["float32"]
    bound = ((n / (1 - n)) * (abs(a) @ abs(b)).T).T + HALF_SUBNORMAL["float32"]
    return float(np.max(abs(y - a @ b) / bound, initial=0))
