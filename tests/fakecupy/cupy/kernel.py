"""Kernels: the source a module is made of, compiled for the CPU by tests/cuhost."""

from __future__ import annotations

import ctypes

import numpy as np
from cuhost.host_module import build
from kernel_table import FOLDER, variants_of

from . import cuda
from .array import ndarray

SHARED_WITHOUT_ASKING = 48 << 10
"""Bytes of dynamic shared memory that a kernel may be launched with as it is."""

NOT_RUN = ("wait_until_open",)  # there is nothing to wait for: what is asked is done at once


class RawModule:
    """Of a file of kernels/, with names of templates; compiled when a kernel is taken from it."""

    def __init__(self, *, code, options=(), name_expressions=()):
        self.source = next(p for p in sorted(FOLDER.glob("*.cu")) if p.read_text() == code)
        self.names = tuple(name_expressions)
        self.options = options

    def get_function(self, name):
        cuda.STATE.check()
        if name not in self.names:
            raise cuda.runtime.CUDADriverError("CUDA_ERROR_NOT_FOUND: named symbol not found")
        known = variants_of(self.source)
        names = known if name in known else self.names
        module = build(self.source, names)
        entry = ctypes.CDLL(str(module.library))[f"cuhost_{names.index(name)}"]
        return Kernel(name, entry)


class Kernel:
    """Called as CuPy's are: grid, threads, arguments."""

    num_regs, local_size_bytes = 32, 0

    def __init__(self, name, entry):
        self.name, self.entry = name, entry
        self._most_shared = SHARED_WITHOUT_ASKING

    @property
    def max_dynamic_shared_size_bytes(self):
        return self._most_shared

    @max_dynamic_shared_size_bytes.setter
    def max_dynamic_shared_size_bytes(self, nbytes):
        if nbytes > cuda.runtime.getDeviceProperties(0)["sharedMemPerBlockOptin"]:
            raise cuda.runtime.CUDADriverError("CUDA_ERROR_INVALID_VALUE: invalid argument")
        self._most_shared = nbytes

    def __call__(self, grid, block, args, shared_mem=0):
        if shared_mem > self._most_shared:
            raise cuda.runtime.CUDADriverError("CUDA_ERROR_INVALID_VALUE: invalid argument")
        short = self.name.partition("<")[0]
        held = [_argument(value) for value in args]
        sizes = (grid[0], block[0], 0, shared_mem)
        cuda.STATE.submit(f"kernel {short}", lambda: self._run(short, sizes, held))

    def _run(self, short, sizes, held):
        cuda.STATE.check()
        if short in cuda.STATE.faulty:
            cuda.STATE.broken = True
            return
        if short in NOT_RUN:
            return
        pointers = (ctypes.c_void_p * len(held))(*[ctypes.addressof(h) for h in held])
        message = ctypes.create_string_buffer(512)
        if self.entry((ctypes.c_uint * 4)(*sizes), pointers, message, ctypes.c_size_t(512)):
            raise RuntimeError(message.value.decode())


def _argument(value):
    """What the kernel takes, by address: a pointer, or the bytes of a scalar."""
    if isinstance(value, ndarray):
        return ctypes.c_void_p(value.host.ctypes.data)
    if isinstance(value, np.generic):
        return (ctypes.c_char * value.nbytes).from_buffer_copy(value.tobytes())
    raise TypeError(f"Unsupported type {type(value)}: a kernel takes arrays and NumPy scalars")
