"""How long a product would take on an H200 by what docs/gpu-kernels.md says: nobody measured it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spmvbench import theory
from spmvbench.dtypes import itemsize
from spmvbench.slabs import LANES, rows_of_slab, warps_of_slab

H200 = "nvidia-h200"
MULTIPROCESSORS = 132
CLOCKS_US = MULTIPROCESSORS * 1980.0  # of all multiprocessors
FIXED_US = 3.0
BYTES_US = 0.95 * 4.3e6
ISSUED = 0.7 * 128  # lanes of instructions a clock
GATHERED = 0.85  # wavefronts a clock


@dataclass(frozen=True)
class Work:
    """What a kernel does, by docs/gpu-kernels.md and counted for sm_90a as `instructions.py` does.

    Instructions of each entry or else of each element, and what each column of x adds to that.
    `wavefronts`: of 32 entries, whose x are gathered. `clocks`: that 32 elements take besides.
    `rows`: of a block.
    """

    entry: float = 0.0
    element: float = 0.0
    vector: float = 0.0
    wavefronts: float = 0.0
    clocks: float = 0.0
    rows: int = 8


WORK = {
    "macko-fast": Work(entry=9.69, wavefronts=3.5, rows=1),
    "slab4": Work(entry=5.25, wavefronts=3.4),
    "slab5": Work(entry=6.3, wavefronts=3.4),
    "slab6": Work(entry=6.3, wavefronts=3.4),
    "slab-bitmap": Work(entry=7.81, wavefronts=2.6),
    "macko": Work(entry=18.4, vector=2.1, wavefronts=8.0),
    "csr16": Work(entry=5.3, vector=2.2, wavefronts=8.0),
    "bitmap": Work(element=17.0, vector=2.2, clocks=4.0),  # 2 population counts an element
    "dense-f16": Work(element=1.1, vector=1.8, rows=16),
}

NOT_FULL = 3.5
"""Entries that fill up a last group of 8, on average."""

SLAB_BITMAP_BITS = (
    *((0.0, 3.0), (0.1, 3.29), (0.2, 4.35), (0.25, 5.08), (0.3, 5.85), (0.4, 7.45), (0.5, 9.05)),
    *((0.7, 12.25), (0.9, 15.45), (1.0, 17.0)),
)
"""Density, and bits an element: zeros that are stored make it more than a bitmap."""


def predicted_us(name, problem):
    """A fixed time, and the largest of three, each at a usual share of what an H200 can do.

    Bytes of the packed matrix, instructions, and wavefronts of the gathers or population counts.
    With fewer blocks than multiprocessors only so many of them work; half of them are taken to be
    enough for all bytes.
    """
    work, elements = WORK[name], problem.elements
    stored, packed_bytes = stored_and_bytes(name, problem)
    share = min(-(-problem.rows // work.rows) / MULTIPROCESSORS, 1.0)
    vectors = work.vector * problem.batch * (stored if work.entry else 1.0)
    instructions = (stored * work.entry + work.element + vectors) * elements
    waves = (stored * work.wavefronts / GATHERED + work.clocks) / 32 * elements
    computed_us = max(instructions / ISSUED, waves) / (share * CLOCKS_US)
    return FIXED_US + max(packed_bytes / (min(2 * share, 1.0) * BYTES_US), computed_us)


def takes(name, problem):
    """Those that are not counted for several columns of x take one, and values of 16 bits."""
    return WORK[name].vector > 0 or (problem.batch, itemsize(problem.dtype)) == (1, 2)


def stored_and_bytes(name, problem):
    """Entries for each element, stored zeros too, and bytes of the matrix; non-zeros anywhere."""
    bits, d = 8 * itemsize(problem.dtype), problem.density
    size = {"value_bits": bits, "cols": problem.cols}
    dense_bytes = problem.elements * bits / 8
    if name == "slab-bitmap":
        return of_slab_bitmap(problem)
    if name.startswith("slab"):
        return of_slabs(int(name.removeprefix("slab")), problem)
    if name.startswith("macko"):
        effective = float(theory.macko(d, **size))
        pointers = theory.POINTER_BITS / problem.cols
        return (effective * bits - pointers) / (bits + theory.DELTA_BITS), effective * dense_bytes
    curve = {"csr16": theory.csr16, "bitmap": theory.bitmap}.get(name)
    return d, dense_bytes * (float(curve(d, **size)) if curve else 1.0)


def of_slabs(gap_bits, problem):
    """The same by docs/formats.md: gaps bridged, one last group a row that is not full."""
    rows, cols, reach = problem.rows, problem.cols, 2**gap_bits
    k = np.arange(cols // reach + 1)
    jumps = (1 - problem.density) ** (reach * k) * (1 - reach * k / cols)
    entries = cols * problem.density * float(jumps.sum()) + NOT_FULL
    shares = LANES * warps_of_slab(rows) // rows_of_slab(rows)
    return entries / cols, rows * (entries * (16 + gap_bits) / 8 + 2 * shares + 2 + 4)


def of_slab_bitmap(problem):
    """The same by docs/formats.md: the bits of long rows there, and what a stream costs."""
    rows, cols = problem.rows, problem.cols
    warps = 16 if cols > 16384 else warps_of_slab(rows)
    streams = LANES * warps // rows_of_slab(rows)
    bits = float(np.interp(problem.density, *zip(*SLAB_BITMAP_BITS, strict=True)))
    entries = cols * (bits - 1) / 16 + NOT_FULL * streams
    return entries / cols, rows * (2 * entries + cols / 8 + 2 * streams + 4)
