"""Slabs with bitmaps, packed on the device; cpu/slab_bitmap.py has the same function."""

from __future__ import annotations

import numpy as np

from spmvbench.cuda.packing import per_warp, wait
from spmvbench.dtypes import Array, to_host
from spmvbench.slabs import GROUP, LANES, Deal, Side

_FILE = "pack_slab_bitmap.cu"


def packed(
    weights: Array, shape: tuple[int, int, int, int], rows_of_slab: int, deal: Deal
) -> tuple[Array, Array, Side]:
    """`values`, `bits`, which has that shape, and `side`, where `deal` put the rows.

    It does so on the host: 2 bytes of each row and segment come there, and go back.
    Shapes: weights (rows, cols) as unsigned integers, groups (rows, segments).
    """
    import cupy

    _, warps, words, _ = shape
    masks, groups = _streams(weights, warps * (LANES // rows_of_slab), words)
    dealt, stored = deal(to_host(groups).astype(np.int64))
    offsets, counts, row_order = map(cupy.asarray, dealt)
    values, bits = cupy.zeros(stored * GROUP, weights.dtype), cupy.zeros(shape, np.uint32)
    (rows, cols), powers = weights.shape, (rows_of_slab.bit_length() - 1, warps.bit_length() - 1)
    arrays = weights, masks, offsets, counts, row_order, values, bits
    sizes = np.int64(rows), *map(np.int32, (cols, words, *powers))
    per_warp(_FILE, "pack_slab_values", rows, *arrays, *sizes)
    wait()
    return values, bits, (offsets, counts, row_order)


def _streams(weights: Array, segments: int, words: int) -> tuple[Array, Array]:
    """Bits of the entries of each row and segment, and how many groups those are.

    Shapes: weights (rows, cols), results (rows, segments, words) and (rows, segments).
    """
    import cupy

    (rows, cols), streams = weights.shape, len(weights) * segments
    masks = cupy.empty((rows, segments, words), np.uint32)
    groups = cupy.empty((rows, segments), np.uint16)
    sizes = np.int64(rows), np.int32(cols), np.int32(segments * words)
    per_warp(_FILE, "mask_streams", rows, weights, masks, *sizes)
    arguments = masks, groups, np.int64(streams), np.int32(words)
    per_warp(_FILE, "complete_streams", -(-streams // LANES), *arguments)
    return masks, groups
