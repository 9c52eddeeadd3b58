"""Devices: the only code that knows its hardware uploads, compiles and times."""

from __future__ import annotations

from spmvbench.devices.base import Device
from spmvbench.errors import DeviceError

KINDS = ("cpu", "cuda")


def open_device(kind: str) -> Device:
    """The device of that kind; `auto` is the best there is.

    Raises: DeviceError, saying what is missing.
    """
    if kind in ("auto", "cpu"):
        from spmvbench.devices.cpu import CpuDevice

        return CpuDevice()
    if kind == "cuda":
        raise DeviceError("device cuda: this version has no CUDA device; use --device cpu")
    raise DeviceError(f"device '{kind}': expected one of auto, {', '.join(KINDS)}")
