"""The arrays that an operator of PyTorch is given, by layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from spmvbench.dtypes import Array, dtype_name
from spmvbench.formats.base import Packed
from spmvbench.formats.bitmap import Bitmap
from spmvbench.formats.dense_f16 import DenseF16
from spmvbench.formats.macko import Macko

from . import _csr

BLOCK_ROWS = 32
"""Rows of a block of the kernel of MACKO's authors: it reads the row pointers of all of them."""


@dataclass(frozen=True)
class Layout:
    """How a matrix is packed, and which of the packed arrays are handed over, in order."""

    arrays: tuple[str, ...]
    pack: Callable[[Array], Packed]
    unpack: Callable[[Packed], Array]
    packs_on: tuple[str, ...] = ("cpu", "cuda")
    dense: bool = False


def _pack_csr(dense: Array) -> Packed:
    return _csr.pack(dense, dtype_name(dense.dtype))


def _pack_padded(dense: Array) -> Packed:
    """MACKO with the row pointers of whole blocks: empty rows behind the last."""
    packed = Macko().pack(dense)
    pointers = packed.arrays["row_pointers"]
    padding = -(pointers.size - 1) % BLOCK_ROWS
    padded = np.concatenate([pointers, np.full(padding, pointers[-1], pointers.dtype)])
    return _with(packed, row_pointers=padded)


def _unpack_padded(packed: Packed) -> Array:
    pointers = packed.arrays["row_pointers"][: packed.shape[0] + 1]
    return Macko().unpack(_with(packed, row_pointers=pointers))


def _pack_bitmap(dense: Array) -> Packed:
    """A bitmap whose words are signed: PyTorch does little with unsigned ones."""
    packed = Bitmap().pack(dense)
    return _with(packed, mask=packed.arrays["mask"].view(np.int64))


def _unpack_bitmap(packed: Packed) -> Array:
    return Bitmap().unpack(_with(packed, mask=packed.arrays["mask"].view(np.uint64)))


def _with(packed: Packed, **arrays: Array) -> Packed:
    return replace(packed, arrays={**packed.arrays, **arrays})


_MACKO = ("values", "deltas", "row_pointers")

LAYOUTS: Mapping[str, Layout] = {
    "dense": Layout(("values",), DenseF16().pack, DenseF16().unpack, dense=True),
    "csr": Layout(("row_pointers", "columns", "values"), _pack_csr, _csr.unpack),
    "macko": Layout(_MACKO, Macko().pack, Macko().unpack),
    "macko-padded": Layout(_MACKO, _pack_padded, _unpack_padded, packs_on=("cpu",)),
    "bitmap": Layout(("mask", "values", "row_pointers"), _pack_bitmap, _unpack_bitmap),
}
