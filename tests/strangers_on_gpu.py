"""Formats of strangers on a GPU: each does one thing that a harness must survive.

What a driver does by itself, the stand-in for CuPy does when it is told to.
"""

from __future__ import annotations

import numpy as np

from spmvbench.formats.base import Format, Packed


class Right(Format):
    """y = A x by the device's own matrix product."""

    name = "right"
    devices = ("cuda",)

    def pack(self, dense):
        return Packed(dense.shape, str(dense.dtype), {"values": np.array(dense)})

    def unpack(self, packed):
        return packed.arrays["values"].copy()

    def plan(self, packed, device):
        values = device.put(packed.arrays["values"].astype(np.float32))

        def matvec(x, y):
            y[...] = (values @ x.astype(np.float32)).astype(y.dtype)

        return matvec


class Faults(Right):
    """Reads where there is nothing: from then on every call of the driver fails."""

    name = "faults"

    def plan(self, packed, device):
        def matvec(x, y):
            import cupy

            cupy.cuda.STATE.broken = True

        return matvec


class FaultsWhileTimed(Right):
    """As above, but not before the fifth block: checks go well."""

    name = "faults-while-timed"

    def plan(self, packed, device):
        product, calls = super().plan(packed, device), []

        def matvec(x, y):
            import cupy

            calls.append(1)
            if len(calls) > 10 + 2 * -(-packed.shape[1] // 512):
                cupy.cuda.STATE.broken = True
            product(x, y)

        return matvec


class TakesTooMuch(Right):
    """Asks for more memory than the device has."""

    name = "takes-too-much"

    def plan(self, packed, device):
        device.empty(1 << 31, "uint8")
        return super().plan(packed, device)
