"""What the runtime and the driver tell of the device."""

from __future__ import annotations

_NAMES = {
    2: ("cudaErrorMemoryAllocation", "out of memory"),
    35: (
        "cudaErrorInsufficientDriver",
        "CUDA driver version is insufficient for CUDA runtime version",
    ),
    100: ("cudaErrorNoDevice", "no CUDA-capable device is detected"),
    700: ("cudaErrorIllegalAddress", "an illegal memory access was encountered"),
}


class CUDARuntimeError(RuntimeError):
    def __init__(self, status):
        self.status = status
        super().__init__("{}: {}".format(*_NAMES[status]))


class CUDADriverError(RuntimeError):
    pass


def getDeviceProperties(number):
    return {
        "name": b"NVIDIA Fake GPU",
        "multiProcessorCount": 4,
        "l2CacheSize": 1 << 18,
        "totalGlobalMem": 64 << 20,
        "major": 9,
        "minor": 0,
        "sharedMemPerBlockOptin": 232448,
        "ECCEnabled": 1,
        "uuid": bytes(range(16)),
        "pciBusID": 1,
        "pciDeviceID": 0,
        "pciDomainID": 0,
    }


def getDeviceCount():
    return 1


def memGetInfo():
    return 1 << 30, 2 << 30


def driverGetVersion():
    return 13000


def runtimeGetVersion():
    return 13000
