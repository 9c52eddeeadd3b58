"""What CuPy does not ask the driver, or not whole."""

from __future__ import annotations

import ctypes
from contextlib import suppress


def forget_persisting() -> None:
    """Let a flush empty that part of the L2 cache too that some kernel has set aside."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libcuda.so.1").cuCtxResetPersistingL2Cache()


def uuid_of(device: int, as_cupy_has_it: bytes) -> str:
    """`GPU-` and the rest, as NVML has it.

    CuPy takes the 16 bytes for text, which ends at a zero: of one card in sixteen it has fewer.
    """
    room = ctypes.create_string_buffer(as_cupy_has_it[:16].ljust(16, b"\0"), 16)
    if len(as_cupy_has_it) < 16:
        with suppress(OSError, AttributeError):
            ctypes.CDLL("libcuda.so.1").cuDeviceGetUuid_v2(room, device)
    plain = room.raw.hex()
    return f"GPU-{plain[:8]}-{plain[8:12]}-{plain[12:16]}-{plain[16:20]}-{plain[20:]}"
