"""Auto: the format that is likely the fastest for a matrix, by its density and width.

The densities where one format overtakes another were measured for one vector, on 4096 x 4096,
11008 x 4096 and 4096 x 14336, with one thread and with two; docs/cpu-kernels.md has the figures.
Between the two counts of threads they differ by up to 0.04, within which both formats take nearly
the same time. float16 on AVX-512, up to 8192 columns:

    density    0 ......... 0.085 ......... 0.38 ............... 0.92 .... 1
    format       csr16            macko            bitmap         dense-f16
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spmvbench.cpu.arrays import bits_of
from spmvbench.dtypes import Array
from spmvbench.formats.base import Format, MatVec, Packed, Target
from spmvbench.formats.bitmap import Bitmap
from spmvbench.formats.csr16 import MOST_COLUMNS, Csr16
from spmvbench.formats.dense_f16 import DenseF16
from spmvbench.formats.macko import Macko

CHOICES: dict[str, Format] = {f.name: f for f in (Csr16(), Macko(), Bitmap(), DenseF16())}

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
    """See the module. The bytes are those of the format chosen, which `Packed.layout` names."""

    name = "auto"

    def pack(self, dense: Array) -> Packed:
        """See `Format.pack`. Raises: ValueError for what is no matrix of a known type."""
        from spmvbench.cpu.nonzeros import count
        from spmvbench.cpu.tier import tier

        bits, magnitude = bits_of(dense, self.dtypes, self.name)
        counts = np.empty(bits.shape[0], np.int64)
        count(bits, magnitude, counts)
        density = int(counts.sum()) / max(dense.size, 1)
        name = choice(density, dense.shape[1], dense.dtype.itemsize, tier())
        return replace(CHOICES[name].pack(dense), layout=name)

    def unpack(self, packed: Packed) -> Array:
        """See `Format.unpack`. Raises: ValueError for arrays that do not fit together."""
        return _chosen(packed).unpack(packed)

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """See `Format.plan`. Raises: ValueError for arrays that do not fit together."""
        return _chosen(packed).plan(packed, device)


def choice(density: float, cols: int, itemsize: int, tier: str) -> str:
    """The name of the format to choose. `itemsize`: bytes of a value; `tier`: of `cpu.tier`."""
    special = " float32" if itemsize == 4 else " wide" if cols > WIDE else ""
    for name, most in UP_TO.get(tier + special, UP_TO[tier]).items():
        if density <= most and not (name == Csr16.name and cols > MOST_COLUMNS):
            return name
    return DenseF16.name


def _chosen(packed: Packed) -> Format:
    if packed.layout not in CHOICES:
        raise ValueError(
            f"auto: the layout is '{packed.layout}', expected one of {', '.join(CHOICES)}; "
            "pack the matrix again"
        )
    return CHOICES[packed.layout]
