"""A CUDA device as small as can be, and formats that multiply on it, for tests of the harness."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from fake_device import FakeDevice

from spmvbench.cuda import names
from spmvbench.cuda.module import kernel
from spmvbench.dtypes import DTYPES, is_on_host
from spmvbench.formats.base import Format, Packed
from spmvbench.formats.dense_int8 import DenseInt8
from spmvbench.formats.macko import Macko


class FakeCudaDevice(FakeDevice):
    """Arrays on the device; the clock, the cache and the rest as on the fake CPU."""

    kind = "cuda"
    slug = "nvidia-fake"

    def put(self, array):
        import cupy

        return cupy.array(array)

    def empty(self, shape, dtype):
        import cupy

        return cupy.empty(shape, DTYPES.get(dtype, dtype))

    def get(self, array):
        return array.get()


def product(template, packed, device, *sizes):
    """The kernel of the file that the template names."""
    file = f"{template.partition('<')[0]}.cu"
    arrays = [device.put(array) for array in packed.arrays.values()]
    compiled = kernel(file, template)

    def matvec(x, y):
        compiled((packed.shape[0],), (256,), (*arrays, x, y, np.int64(packed.shape[0]), *sizes))

    return matvec


class OnDevice(Macko):
    """Packs and multiplies on the device. `packed_from`: where each matrix was that it packed."""

    name = "on-device"
    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    packed_from: ClassVar[list[str]] = []

    def pack(self, dense):
        self.packed_from.append("host" if is_on_host(dense) else "device")
        return super().pack(dense)

    def plan(self, packed, device):
        pointer = names.POINTERS[str(packed.arrays["row_pointers"].dtype)]
        value = names.VALUES[packed.dtype]
        return product(f"macko<{value}, {device.batch}, {pointer}>", packed, device)


class LossyOnDevice(DenseInt8):
    """The matrix that it stores never leaves the device."""

    name = "lossy-on-device"
    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")

    def unpack(self, packed):
        stored = super().unpack(packed)
        assert not is_on_host(stored)
        return stored

    def plan(self, packed, device):
        template = f"dense_int8<{names.VALUES[packed.dtype]}, {device.batch}, 1>"
        return product(template, packed, device, np.int32(packed.shape[1]))


class FromHost(Format):
    """A stranger's: it knows NumPy only, and uploads what it packed. `seen`: what it was given."""

    name = "from-host"
    devices: ClassVar[tuple[str, ...]] = ("cuda",)
    seen: ClassVar[list[object]] = []

    def pack(self, dense):
        if not isinstance(dense, np.ndarray):
            raise TypeError(f"expected a NumPy array, got {type(dense)}")
        self.seen.append(dense)
        return Packed(dense.shape, str(dense.dtype), {"values": dense.copy()})

    def unpack(self, packed):
        return packed.arrays["values"]

    def plan(self, packed, device):
        template = f"dense_gemv<{names.VALUES[packed.dtype]}, {device.batch}, 1>"
        return product(template, packed, device, np.int32(packed.shape[1]))


class LossyFromHost(FromHost):
    """Rounds to whole eighths."""

    name = "lossy-from-host"
    lossless = False

    def pack(self, dense):
        packed = super().pack(dense)
        rounded = (np.rint(8 * dense.astype(np.float32)) / 8).astype(dense.dtype)
        return Packed(packed.shape, packed.dtype, {"values": rounded})


class WrongOnDevice(OnDevice):
    """One value of the packed matrix is another."""

    name = "wrong-on-device"

    def pack(self, dense):
        packed = super().pack(dense)
        packed.arrays["values"][5] = 1
        return packed


class SpoilsTheHostCopy(FromHost):
    """Writes into what the next format is given."""

    name = "spoils-the-host-copy"

    def pack(self, dense):
        dense[0, 0] = 1
        return super().pack(dense)


class PacksOtherwise(OnDevice):
    """Right on the host; on the device the last value is another."""

    name = "packs-otherwise"

    def pack(self, dense):
        packed = super().pack(dense)
        if not is_on_host(dense):
            packed.arrays["values"][-1:] = 1
        return packed


class SpoilsItsInput(OnDevice):
    """Writes into the matrix on the device, which cannot be read-only."""

    name = "spoils-its-input"

    def pack(self, dense):
        packed = super().pack(dense)
        if not is_on_host(dense):
            dense[:1] = 1
        return packed
