"""Devices: the only code that knows its hardware uploads, compiles and times."""

from __future__ import annotations

from spmvbench.devices.base import Device
from spmvbench.errors import DeviceError

KINDS = ("cpu", "cuda")


def open_device(kind: str) -> Device:
    """The device of that kind; `auto` is the GPU where CuPy works with one, else the CPU.

    Raises: DeviceError, saying what is missing.
    """
    if kind not in ("auto", *KINDS):
        raise DeviceError(f"device '{kind}': expected one of auto, {', '.join(KINDS)}")
    if kind == "auto":
        from spmvbench.devices.cupy_there import usable

        kind = "cuda" if usable() else "cpu"
    if kind == "cuda":
        from spmvbench.devices.cuda import CudaDevice

        return CudaDevice()
    from spmvbench.devices.cpu import CpuDevice

    return CpuDevice()
