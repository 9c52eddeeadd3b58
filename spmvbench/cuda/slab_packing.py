"""Slabs packed on the device, a warp a row. `gap_bits` of a gap; arrays as in cpu/slab.py."""

from __future__ import annotations

import numpy as np

from spmvbench.cuda.packing import per_warp, wait
from spmvbench.dtypes import Array
from spmvbench.slabs import LANES


def count(weights: Array, gap_bits: int, counts: Array) -> None:
    """Write the entries of each row, bridges included. `weights` as unsigned integers."""
    rows, cols = weights.shape
    kernel = f"count_streams<{gap_bits}>"
    per_warp("pack_slab.cu", kernel, rows, weights, counts, np.int64(rows), np.int32(cols))


def fill(
    weights: Array,
    gap_bits: int,
    side: tuple[Array, Array, Array, Array],
    arrays: tuple[Array, Array, Array],
) -> None:
    """Write all into zeros. `side`: offsets, starts, groups, row_order; `arrays`: the others."""
    (rows, cols), (_, warps), rows_of_slab = weights.shape, side[0].shape, side[2].shape[1]
    shares = LANES * warps // rows_of_slab
    sizes = rows_of_slab.bit_length() - 1, shares.bit_length() - 1
    arguments = weights, *side, *arrays, np.int64(rows), *map(np.int32, (cols, *sizes))
    per_warp("pack_slab.cu", f"pack_streams<{gap_bits}>", rows, *arguments)
    wait()
