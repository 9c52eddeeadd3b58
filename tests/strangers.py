"""Formats from outside the tree, each with one habit: what a user's own file may do."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from typing import ClassVar

import numpy as np

from spmvbench.formats.base import Format, Packed, Precision


class Right(Format):
    """A dense float32 product. `cost` runs before each one: the others below override it."""

    name = "right"

    def pack(self, dense):
        return Packed(dense.shape, str(dense.dtype), {"values": dense.astype(np.float32)})

    def unpack(self, packed):
        return packed.arrays["values"].astype(self._dtype(packed))

    def _dtype(self, packed):
        from spmvbench.dtypes import DTYPES

        return DTYPES[packed.dtype]

    def plan(self, packed, device):
        a = device.put(packed.arrays["values"])
        self.calls = 0

        def matvec(x, y):
            self.calls += 1
            with np.errstate(invalid="ignore"):
                np.matmul(a, x, out=y)
            self.habit(a, x, y)

        return matvec

    def habit(self, a, x, y):
        """What it does besides."""


class Dense(Right):
    """A baseline: it stores the problem's own dtype."""

    name = "dense"
    dense = True

    def pack(self, dense):
        return Packed(dense.shape, str(dense.dtype), {"values": dense.copy()})

    def plan(self, packed, device):
        return super().plan(
            Packed(packed.shape, packed.dtype, {"values": packed.arrays["values"].astype("f4")}),
            device,
        )


class FastDense(Right):
    """Dense, but it stores float32 whatever the problem is."""

    name = "fast-dense"
    dense = True

    def precision(self, dtype, device):
        return Precision("float32", "float32", "float32", "float32")


class DropsOneValue(Right):
    """The last non-zero of the middle row is left out of the product."""

    name = "drops-one-value"

    def habit(self, a, x, y):
        row = len(a) // 2
        column = np.flatnonzero(a[row])[-1]
        y[row] -= a[row, column] * x[column]


class KeepsY(Right):
    """It multiplies until it has been checked, and gives the same y ever after."""

    name = "keeps-y"
    last = 6

    def habit(self, a, x, y):
        if self.calls == self.last:
            self.kept = y.copy()
        if self.calls > self.last:
            y[...] = self.kept


class KeepsYLate(KeepsY):
    """The same, but only after the check in the middle of timing."""

    name = "keeps-y-late"
    last = 35


class WrongInItsSecondProcess(Right):
    """Right in the first process that packs with it; SPMVBENCH_TEST_STARTS names what counts."""

    name = "wrong-in-its-second-process"
    starts = 0

    def pack(self, dense):
        if not type(self).starts:
            with open(os.environ["SPMVBENCH_TEST_STARTS"], "a+") as file:
                file.write("x")
                type(self).starts = file.tell()
        return super().pack(dense)

    def habit(self, a, x, y):
        y[0] += 1000.0 * (self.starts > 1)


class WritesNothing(Right):
    name = "writes-nothing"

    def plan(self, packed, device):
        return lambda x, y: None


class Raises(Right):
    name = "raises"

    def plan(self, packed, device):
        raise RuntimeError("no such\nkernel")


class RaisesWhileTimed(Right):
    name = "raises-while-timed"

    def habit(self, a, x, y):
        if self.calls == 40:
            raise RuntimeError("late")


class Exits(Right):
    name = "exits"

    def pack(self, dense):
        raise SystemExit(3)


class Prints(Right):
    name = "prints"

    def pack(self, dense):
        print('{"record": "not one"}', flush=True)
        os.write(1, b"noise without end of line")
        return super().pack(dense)


class Segfaults(Right):
    name = "segfaults"

    def habit(self, a, x, y):
        ctypes.string_at(0)


class SegfaultsWhileTimed(Right):
    name = "segfaults-while-timed"

    def habit(self, a, x, y):
        if self.calls == 40:
            ctypes.string_at(0)


class Hangs(Right):
    name = "hangs"

    def habit(self, a, x, y):
        time.sleep(3600)


class EatsMemory(Right):
    name = "eats-memory"

    def pack(self, dense):
        hoard = [np.empty(1 << 30, np.uint8) for _ in range(1000)]
        return super().pack(hoard[0])


class DropsSmallValues(Right):
    """Lossy and honest: values below a quarter of the largest are not stored."""

    name = "drops-small-values"
    lossless = False

    def pack(self, dense):
        values = dense.astype(np.float32)
        values[abs(values) < 0.25 * abs(values).max(initial=0)] = 0
        return Packed(dense.shape, str(dense.dtype), {"values": values})


class Rounds(Right):
    """Dense and lossy: every value is rounded to a multiple of 1/8."""

    name = "rounds"
    dense = True
    lossless = False

    def pack(self, dense):
        values = np.rint(8 * dense.astype(np.float32)) / 8
        return Packed(dense.shape, str(dense.dtype), {"values": values})


class NotAFormat:
    name = "not-a-format"


class CoarseSums(Right):
    """Claims an accumulator so coarse that no check could tell right from wrong."""

    name = "coarse-sums"
    accumulate = "bfloat16"

    def habit(self, a, x, y):
        y.fill(1e6)


class SpoilsItsInput(Right):
    name = "spoils-its-input"

    def pack(self, dense):
        dense[...] = 0
        return super().pack(dense)


class RaisesOddText(Right):
    name = "raises-odd-text"

    def pack(self, dense):
        raise RuntimeError("cannot open /x/\udcff")


class BreaksLaterCopies(Right):
    """Its first plan is right, those of the other copies write nothing."""

    name = "breaks-later-copies"
    planned = False

    def plan(self, packed, device):
        device.put(packed.arrays["values"])
        if self.planned:
            return lambda x, y: None
        self.planned = True
        return super().plan(packed, device)


class UploadsNothing(Right):
    """Multiplies the packed arrays themselves, so that all its copies are one."""

    name = "uploads-nothing"

    def plan(self, packed, device):
        a = packed.arrays["values"]
        return lambda x, y: self.multiply(a, x, y)

    def multiply(self, a, x, y):
        np.matmul(a, x, out=y)
        self.habit(a, x, y)


class HoardsMemory(Right):
    """Keeps what it took, so that nobody after it in the process gets any."""

    name = "hoards-memory"
    hoard: ClassVar[list] = []

    def pack(self, dense):
        while True:
            self.hoard.append(np.empty(1 << 27, np.uint8))


class CrashesLater(Right):
    """A thread that it starts crashes while another format is at work."""

    name = "crashes-later"

    def pack(self, dense):
        if len(dense) > 8:
            threading.Timer(0.15, lambda: ctypes.string_at(0)).start()
        return super().pack(dense)


class ClosesPipes(Right):
    name = "closes-pipes"

    def habit(self, a, x, y):
        os.closerange(3, 60)
        time.sleep(60)


class UnpacksFromMemory(Right):
    """Packs nothing and remembers the matrix."""

    name = "unpacks-from-memory"

    def pack(self, dense):
        self.dense = dense.copy()
        return Packed(dense.shape, str(dense.dtype), {"values": np.zeros(1, np.uint8)})

    def unpack(self, packed):
        return self.dense
