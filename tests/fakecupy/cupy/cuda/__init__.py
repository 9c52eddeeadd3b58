"""Streams, events and graphs that keep a list of what was asked of them, in `STATE.log`.

Whoever waits for the device while a gate of ours is closed waits for himself: the gate says so.
"""

from __future__ import annotations

import ctypes
import time
from types import SimpleNamespace

import numpy as np

from . import compiler, driver, runtime  # noqa: F401  # as CuPy has them


class State:
    """What the driver knows. `faulty`: kernels that take the context with them."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.log, self.faulty, self.broken, self.capture = [], set(), False, None
        self.gate = None

    def note(self, what):
        self.log.append(what)

    def wait(self):
        """Until the device has done all: `get` and its like, the first launch of a kernel."""
        if self.gate:
            opened, late = map(ctypes.c_int.from_address, self.gate)
            late.value |= not opened.value

    def check(self):
        if self.broken:
            raise runtime.CUDARuntimeError(700)

    def submit(self, what, work):
        """Done at once, or kept for the graph that is being captured."""
        if self.capture is not None:
            self.capture.append((what, work))
            return
        self.note(what)
        work()


STATE = State()


class OutOfMemoryError(MemoryError):
    pass


memory = SimpleNamespace(OutOfMemoryError=OutOfMemoryError)
del OutOfMemoryError


class Pool:
    """Memory: refuses what is above `limit` at once."""

    limit = 1 << 30

    def take(self, nbytes):
        if nbytes > self.limit:
            raise memory.OutOfMemoryError(f"Out of memory allocating {nbytes:,} bytes")

    def free_all_blocks(self):
        pass


POOL = Pool()


class Device:
    compute_capability = "90"

    def __init__(self, number=0):
        self.id = number

    def __eq__(self, other):
        return self.id == other.id

    def use(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def synchronize(self):
        STATE.note("synchronize")
        STATE.wait()
        STATE.check()


class Stream:
    current = None

    def __init__(self, non_blocking=False, null=False):
        self.ptr = 0 if null else id(self)

    @classmethod
    def from_external(cls, other):
        stream = cls()
        _, stream.ptr = other.__cuda_stream__()
        return stream

    def use(self):
        Stream.current = self
        return self

    def __enter__(self):
        self._before, Stream.current = Stream.current, self
        return self

    def __exit__(self, *error):
        Stream.current = self._before

    def synchronize(self):
        STATE.note("synchronize")
        STATE.wait()
        STATE.check()

    def begin_capture(self):
        STATE.capture = []

    def end_capture(self):
        graph, STATE.capture = Graph(STATE.capture), None
        return graph

    def is_capturing(self):
        return STATE.capture is not None

    def wait_event(self, event):
        STATE.note("wait event")


Stream.null = Stream(null=True)
Stream.current = Stream.null


def get_current_stream():
    return Stream.current


class Graph:
    def __init__(self, nodes):
        self.nodes = nodes

    uploaded = False

    def upload(self, stream=None):
        STATE.note("upload graph")
        self.uploaded = True

    def launch(self, stream=None):
        if not self.uploaded:
            STATE.wait()
        STATE.note(f"graph of {len(self.nodes)}")
        for _, work in self.nodes:
            work()


class Event:
    def record(self, stream=None):
        STATE.note("event")
        STATE.check()
        self.seconds = time.perf_counter()

    def synchronize(self):
        STATE.note("synchronize")
        STATE.wait()
        STATE.check()


def get_elapsed_time(start, stop):
    STATE.check()
    return 1e3 * (stop.seconds - start.seconds)


class PinnedMemoryPointer(bytearray):
    @property
    def ptr(self):
        return np.frombuffer(self, np.uint8).ctypes.data


PINNED = []
"""All of it: `STATE.gate` may look at a gate that nobody has any more."""


def alloc_pinned_memory(nbytes):
    PINNED.append(PinnedMemoryPointer(nbytes))
    return PINNED[-1]


class UnownedMemory:
    def __init__(self, ptr, nbytes, owner, device_id=-1):
        self.ptr, self.nbytes, self.owner = ptr, nbytes, owner


class MemoryPointer:
    def __init__(self, mem, offset):
        self.mem = mem


nvtx = SimpleNamespace()
