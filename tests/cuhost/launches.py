"""Runs launches in this process: `python launches.py ASKED ANSWERED`. See host_module.py."""

from __future__ import annotations

import ctypes
import pickle
import sys
from itertools import zip_longest
from pathlib import Path

import numpy as np


def argument(value, shift):
    """What the kernel takes, by address: a pointer, or the bytes of a scalar."""
    if isinstance(value, np.ndarray):
        return ctypes.c_void_p(value.ctypes.data - (shift or 0))
    return (ctypes.c_char * value.nbytes).from_buffer_copy(value.tobytes())


def launch(library, index, sizes, arguments, y, shifts):
    # Copies: unpickled arrays may share one block of memory, and y is written.
    owned = [np.array(a) if isinstance(a, np.ndarray) else a for a in arguments]
    held = [argument(a, s) for a, s in zip_longest(owned, shifts)]
    pointers = (ctypes.c_void_p * len(held))(*[ctypes.addressof(h) for h in held])
    sizes = (ctypes.c_uint * 5)(*sizes)
    message = ctypes.create_string_buffer(512)
    if library[f"cuhost_{index}"](sizes, pointers, message, ctypes.c_size_t(512)):
        sys.exit(message.value.decode())
    return owned[y] if isinstance(y, int) else tuple(owned[place] for place in y)


if __name__ == "__main__":
    asked, answered = map(Path, sys.argv[1:])
    path, todo = pickle.loads(asked.read_bytes())
    library = ctypes.CDLL(path)
    answered.write_bytes(pickle.dumps([launch(library, *one) for one in todo]))
