"""CuPy and a GPU that it works with, or the one line that says which of them is missing."""

from __future__ import annotations

import ctypes
from typing import Any

from spmvbench.cuda.libraries import INSTALL
from spmvbench.errors import DeviceError


def usable() -> bool:
    """Whether `auto` takes the GPU."""
    try:
        import cupy
    except ImportError:
        return False
    return bool(cupy.is_available())


def passed_over() -> str | None:
    """Why `auto` does not take a GPU whose driver is here, in one line; None when it does.

    Without a driver there is nothing to say.
    """
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    try:
        working_cupy()
    except DeviceError as error:
        return str(error)
    return None


def working_cupy() -> Any:
    """The module cupy, with a device that runs our kernels. Raises: DeviceError."""
    try:
        import cupy
    except ImportError as error:
        missing = "CuPy is not installed" if error.name == "cupy" else f"CuPy fails: {error}"
        raise DeviceError(f"device cuda: {missing}; {INSTALL}") from None
    try:
        found = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise DeviceError(_no_device(error)) from None
    if not found:
        raise DeviceError("device cuda: no GPU is visible; see nvidia-smi, CUDA_VISIBLE_DEVICES")
    _compile()
    return cupy


def _no_device(error: Any) -> str:
    """The driver is missing, or older than the CUDA that CuPy was made for; the rest as it says."""
    insufficient, no_device = 35, 100
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "device cuda: no NVIDIA driver (libcuda.so.1) is here; use --device cpu"
    if error.status == insufficient:
        return f"device cuda: the driver is too old for this CuPy; update it, or {INSTALL}"
    if error.status == no_device:
        return "device cuda: no GPU is visible; see nvidia-smi, CUDA_VISIBLE_DEVICES"
    return f"device cuda: {error}; see nvidia-smi"


def _compile() -> None:
    """Compile the smallest kernel: NVRTC or its headers may be missing."""
    from spmvbench.cuda.module import kernel

    try:
        kernel("timing.cu", "nothing")
    except Exception as error:  # CuPy has no common base for what can go wrong here
        line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DeviceError(f"device cuda: kernels do not compile: {line}; {INSTALL}") from error
