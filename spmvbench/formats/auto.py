"""Auto: the format that is likely the fastest for a matrix, by its density and shape.

For a GPU a table of times says so, which also knows types, batches and devices: cuda/choices.py.
Launch parameters are not chosen here: the format's `plan` asks the device.

For a CPU: the densities where one format overtakes another were measured for one vector, on
4096 x 4096, 11008 x 4096 and 4096 x 14336, with one thread and with two; docs/cpu-kernels.md has
the figures. Between the two counts of threads they differ by up to 0.04, within which both formats
take nearly the same time. float16 on AVX-512, up to 8192 columns:

    density    0 ......... 0.085 ......... 0.38 ............... 0.92 .... 1
    format       csr16            macko            bitmap         dense-f16
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from spmvbench.cpu.arrays import bits_of
from spmvbench.cuda import BATCHES, choices
from spmvbench.cuda.model import Model, current
from spmvbench.dtypes import Array, is_on_host, itemsize, to_host
from spmvbench.errors import UnknownFormat
from spmvbench.formats import resolve
from spmvbench.formats.base import Format, MatVec, Packed, Target
from spmvbench.formats.bitmap import Bitmap
from spmvbench.formats.csr16 import MOST_COLUMNS, Csr16
from spmvbench.formats.dense_f16 import DenseF16
from spmvbench.formats.macko import Macko
from spmvbench.problems.base import Problem

CHOICES: dict[str, Format] = {f.name: f for f in (Csr16(), Macko(), Bitmap(), DenseF16())}
"""What is chosen from for a CPU."""

ON_CUDA = (
    *("macko-fast", "slab4", "slab5", "slab6", "slab-bitmap"),
    *("macko", "csr16", "bitmap", "dense-f16"),
)
"""What is chosen from for a GPU, as far as it is there and takes the problem."""

WIDE = 8192
"""Columns of a wide matrix: x does not stay in the L1 cache as float32."""

UP_TO = {
    "avx512": {"csr16": 0.085, "macko": 0.38, "bitmap": 0.92},
    "avx512 wide": {"csr16": 0.06, "macko": 0.45, "bitmap": 0.96},
    "avx512 float32": {"csr16": 0.15, "macko": 0.22, "bitmap": 0.9},
    "avx2": {"csr16": 0.33, "bitmap": 0.9},
    "generic": {"csr16": 0.4},
}
"""Tier -> format -> the density up to which it is chosen, in rising order; above: dense-f16.

float32 values are multiplied with float32 x: there MACKO's look-up of x takes longer.
"""


class Auto(Format):
    """See the module. The bytes are those of the format chosen, which `Packed.layout` names.

    Without `for_problem`: a matrix on the host is packed for CPUs, one on a GPU for that GPU and
    one vector.
    """

    name = "auto"
    devices = ("cpu", "cuda")
    packs_on: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    batches: ClassVar = {"cuda": BATCHES}

    def __init__(self, on_gpu: Problem | None = None) -> None:
        """`on_gpu`: the problem to pack for, on CuPy's current device; None: see the class."""
        self._on_gpu = on_gpu

    def for_problem(self, device: str, problem: Problem) -> Format:
        """See `Format.for_problem`."""
        return Auto(problem) if device == "cuda" else self

    def pack(self, dense: Array) -> Packed:
        """See `Format.pack`. Raises: ValueError for what is no matrix of a known type.

        What the format chosen packs on the host only is copied there.
        """
        bits, magnitude = bits_of(dense, self.dtypes, self.name)
        density = _stored(bits, magnitude) / max(dense.size, 1)
        if self._on_gpu is None and is_on_host(dense):
            from spmvbench.cpu.tier import tier

            fmt = CHOICES[choice(density, dense.shape[1], dense.dtype.itemsize, tier())]
            return replace(fmt.pack(dense), layout=fmt.name)
        rows, cols = dense.shape
        problem = self._on_gpu or Problem(rows, cols, density, str(dense.dtype))
        fmt = choice_on_gpu(density, problem, current())
        packed = fmt.pack(dense if "cuda" in fmt.packs_on else to_host(dense))
        return replace(packed, layout=fmt.name)

    def unpack(self, packed: Packed) -> Array:
        """See `Format.unpack`. Raises: ValueError for arrays that do not fit together."""
        return _chosen(packed).unpack(packed)

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """See `Format.plan`. Raises: ValueError for arrays that do not fit together."""
        return _chosen(packed).plan(packed, device)


def choice(density: float, cols: int, itemsize: int, tier: str) -> str:
    """The name of the format to choose for a CPU.

    `itemsize`: bytes of a value; `tier`: of `cpu.tier`.
    """
    special = " float32" if itemsize == 4 else " wide" if cols > WIDE else ""
    for name, most in UP_TO.get(tier + special, UP_TO[tier]).items():
        if density <= most and not (name == Csr16.name and cols > MOST_COLUMNS):
            return name
    return DenseF16.name


def choice_on_gpu(density: float, problem: Problem, gpu: Model) -> Format:
    """The format to choose: the likely fastest of those that take the problem.

    `density`: as counted. dense-f16 where the table has none that does.
    """
    bits = 8 * itemsize(problem.dtype)
    product = choices.Product(
        gpu.slug, gpu.multiprocessors, bits, problem.batch, problem.rows, problem.cols, density
    )
    for name in choices.times_us(product, choices.table()):
        fmt = _of_ours(name)
        if fmt and fmt.unavailable("cuda", problem) is None:
            return fmt
    return DenseF16()


def _of_ours(name: str) -> Format | None:
    """None for a name of the table that no format has."""
    try:
        return resolve(name)
    except UnknownFormat:
        return None


def _stored(bits: Array, magnitude: Any) -> int:
    """How many elements are not zero, of a matrix on host or device."""
    if is_on_host(bits):
        from spmvbench.cpu.nonzeros import count

        counts = np.empty(bits.shape[0], np.int64)
        count(bits, magnitude, counts)
    else:
        from spmvbench.cuda import packing

        counts = packing.count("pack_csr16.cu", "count_stored", bits)
    return int(counts.sum())


def _chosen(packed: Packed) -> Format:
    known = dict.fromkeys([*CHOICES, *ON_CUDA])
    if packed.layout not in known:
        raise ValueError(
            f"auto: the layout is '{packed.layout}', expected one of {', '.join(known)}; "
            "pack the matrix again"
        )
    return CHOICES.get(packed.layout) or resolve(packed.layout)
