"""Run in a process of its own for a tier: `python on_a_tier.py TIER battery|guards FORMAT ...`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import guarded
import numpy as np
from host_target import vectors, worst_error

from spmvbench.conformance import cells, conform
from spmvbench.cpu.simd import dispatch
from spmvbench.cpu.tier import tier
from spmvbench.devices.cpu import CpuDevice
from spmvbench.dtypes import DTYPES
from spmvbench.formats import resolve
from spmvbench.watch import Watch


def battery(name):
    """The whole battery, in as many threads as there are cores."""
    with tempfile.TemporaryDirectory() as folder:
        verdicts = list(conform(name, CpuDevice(), Watch(Path(folder) / "watch"), cells()))
    return [v for v in verdicts if v.status not in ("ok", "unavailable")]


SHAPES = [(1, 1), (5, 63), (4, 64), (7, 65), (6, 257), (3, 1025), (9, 9001), (0, 9), (4, 0)]
BATCHES = (1, 2, 3, 8, 9)


def guards(name):
    """What is wrong; a read outside of an array ends the process instead."""
    rng, wrong = np.random.default_rng(11), []
    fmt = resolve(name)
    for dtype in ("float16", "bfloat16", "float32"):
        for shape in SHAPES:
            for density in (0.02, 0.3, 0.6, 1.0):
                nonzero = rng.random(shape) < density
                dense = (rng.uniform(-1, 1, shape) * nonzero).astype(DTYPES[dtype])
                packed = fmt.pack(dense)
                stored = dense if fmt.lossless else fmt.unpack(packed)
                for number, x in enumerate(inputs(shape[1])):
                    # Threads in one type only: each combination is compiled anew.
                    threads = 3 if dtype == "float16" else 1
                    for at_end in (True, False) if number == 0 else (True,):
                        y = guarded.product(fmt, packed, x, at_end, threads)
                        if worst_error(y, stored, x) > 1:
                            wrong.append((dtype, shape, density, x.shape[1:], at_end))
    return wrong


def inputs(cols):
    """Vectors that 16 bits can hold and such that they cannot, one and several."""
    for batch in BATCHES:
        yield vectors(cols, batch)
    yield vectors(cols).astype(np.float16).astype(np.float32)
    yield vectors(cols).astype(DTYPES["bfloat16"]).astype(np.float32)


if __name__ == "__main__":
    expected, work, *names = sys.argv[1:]
    dispatch.PART_NS = 0  # small matrices are divided too
    if tier() != expected:
        sys.exit(f"the code generator is {tier()}, expected {expected}")
    found = {name: {"battery": battery, "guards": guards}[work](name) for name in names}
    sys.exit(str(found) if any(found.values()) else 0)
