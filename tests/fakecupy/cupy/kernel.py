"""Kernels: the source a module is made of, compiled for the CPU by tests/cuhost."""

from __future__ import annotations

import ctypes
import hashlib
import pickle
import sys

import numpy as np
from cuhost.host_module import BUILD, build
from kernel_table import FOLDER, variants_of

from . import cuda
from .array import ndarray

GATE = "wait_until_open"  # not run: what is asked is done at once, so it would never open

SHARED_WITHOUT_ASKING = 48 << 10
"""Bytes of dynamic shared memory that a kernel may be launched with as it is."""


def _file(code):
    """The file of kernels/ that holds the text; else one that is made of it."""
    for path in FOLDER.glob("*.cu"):
        if path.read_text() == code:
            return path
    made = BUILD / "strangers" / f"{hashlib.sha256(code.encode()).hexdigest()[:16]}.cu"
    made.parent.mkdir(parents=True, exist_ok=True)
    made.write_text(code)
    return made


class Module:
    """What a compiler made of the text of a file: built when a kernel is taken from it."""

    def load(self, image):
        cuda.STATE.wait()
        cuda.STATE.check()
        source, self.names = pickle.loads(image)
        self.source = _file(source)

    def get_function(self, mangled):
        names = {cuda.compiler.mangled(name): name for name in self.names}
        if mangled not in names:
            raise cuda.runtime.CUDADriverError("CUDA_ERROR_NOT_FOUND: named symbol not found")
        name = names[mangled]
        known = variants_of(self.source) if self.source.parent == FOLDER else ()
        built = known if name in known else self.names
        module = build(self.source, built)
        entry = ctypes.CDLL(str(module.library))[f"cuhost_{built.index(name)}"]
        return Function(name, entry)


cuda.Module = Module


class Function:
    """Called as CuPy's are: grid, threads, arguments."""

    def __init__(self, name, entry):
        self.name, self.entry, self.loaded = name, entry, False
        self.most_shared = SHARED_WITHOUT_ASKING
        self.ptr = self  # what the driver is asked by

    def __call__(self, grid, block, args, shared_mem=0):
        if shared_mem > self.most_shared:
            raise cuda.runtime.CUDADriverError("CUDA_ERROR_INVALID_VALUE: invalid argument")
        short = self.name.partition("<")[0]
        if not self.loaded:
            cuda.STATE.wait()
            self.loaded = True
        held = [_argument(value) for value in args]
        sizes = (grid[0], block[0], 0, 0, shared_mem)
        cuda.STATE.submit(f"kernel {short}", lambda: self._run(short, sizes, held))

    def _run(self, short, sizes, held):
        cuda.STATE.check()
        if short in cuda.STATE.faulty:
            cuda.STATE.broken = True
            return
        if short == GATE:
            cuda.STATE.gate = [int.from_bytes(one, sys.byteorder) for one in held[:2]]
            return
        pointers = (ctypes.c_void_p * len(held))(*[ctypes.addressof(h) for h in held])
        message = ctypes.create_string_buffer(512)
        if self.entry((ctypes.c_uint * 5)(*sizes), pointers, message, ctypes.c_size_t(512)):
            raise RuntimeError(message.value.decode())


def _argument(value):
    """What the kernel takes, by address: a pointer, or the bytes of a scalar."""
    if isinstance(value, ndarray):
        return ctypes.c_void_p(value.host.ctypes.data)
    if isinstance(value, np.generic):
        return (ctypes.c_char * value.nbytes).from_buffer_copy(value.tobytes())
    raise TypeError(f"Unsupported type {type(value)}: a kernel takes arrays and NumPy scalars")
