"""Fast formats launched in one way each, as formats of their own: which way is the best, measured.

`spmvbench run tests/gpu/variants.yaml --device cuda` compares them, interleaved as any formats.

    Slab4_8x3_float         slab4: blocks of 8 warps, 3 on a multiprocessor, x as float
    SlabBitmap_16x1_half    likewise; 16-bit x
    MackoFast_4             macko-fast: 4 warps share a row

One that does not fit on the GPU is an `error` that says so.
"""

from __future__ import annotations

from contextlib import contextmanager
from unittest.mock import patch

from spmvbench import slabs
from spmvbench.formats import slab, slab_bitmap
from spmvbench.formats.macko_fast import MackoFast
from spmvbench.formats.slab import Slab4, Slab5, Slab6
from spmvbench.formats.slab_bitmap import SlabBitmap

ITEMSIZES = {"float": 4, "half": 2}


@contextmanager
def as_said(module, warps, blocks, itemsize):
    """Slabs of so many warps, launched so."""
    every = slabs.launches

    def those(*asked):
        found = [r for r in every(*asked) if (r.blocks, r.itemsize) == (blocks, itemsize)]
        if not found:
            raise ValueError(f"{blocks} blocks of {warps} warps have no room for x on this GPU")
        return found

    with (
        patch.object(module, "warps_of_slab", lambda rows: warps),
        patch.object(module, "launches", those),
    ):
        yield


def launched(base, module, warps, blocks, x):
    """A format as `base`, but for how it is launched."""

    class Variant(base):
        name = f"{base.name}-{warps}x{blocks}-{x}"

        def pack(self, dense):
            with as_said(module, warps, blocks, ITEMSIZES[x]):
                return super().pack(dense)

        def unpack(self, packed):
            with as_said(module, warps, blocks, ITEMSIZES[x]):
                return super().unpack(packed)

        def plan(self, packed, device):
            with as_said(module, warps, blocks, ITEMSIZES[x]):
                return super().plan(packed, device)

    return Variant


def shared(parts):
    """`macko-fast` with so many warps for each row."""

    class Variant(MackoFast):
        name = f"macko-fast-{parts}"

        def plan(self, packed, device):
            with patch("spmvbench.formats.macko_fast.parts_of_rows", lambda *_: parts):
                return super().plan(packed, device)

    return Variant


for _base in (Slab4, Slab5, Slab6, SlabBitmap):
    for _warps, _choices in slabs.BLOCKS.items():
        for _blocks in _choices:
            for _x in ITEMSIZES:
                _module = slab_bitmap if _base is SlabBitmap else slab
                globals()[f"{_base.__name__}_{_warps}x{_blocks}_{_x}"] = launched(
                    _base, _module, _warps, _blocks, _x
                )
for _parts in (1, 2, 4, 8):
    globals()[f"MackoFast_{_parts}"] = shared(_parts)
