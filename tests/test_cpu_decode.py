"""Decoders write into buffers of fixed length: they stay inside, and lose nothing at the seams."""

from __future__ import annotations

import numpy as np
import pytest

from spmvbench.cpu.bitmap import decode
from spmvbench.cpu.launch import PIECE, scratch

UNTOUCHED = 2**32 - 1


def decoded(mask):
    """The columns of all pieces, and the longest piece; raises when a piece leaves the buffer."""
    room = scratch(1).columns.view(np.uint32).size
    columns, word, longest = [], 0, 0
    while word < mask.size:
        buffer = np.full(room + 200, UNTOUCHED, np.uint32)
        found, word = decode(mask, word, buffer)
        if (buffer[room:] != UNTOUCHED).any():
            raise AssertionError(f"wrote past {room} columns")
        columns += buffer[:found].tolist()
        longest = max(longest, found)
    return columns, longest


@pytest.mark.parametrize("density", [0.0, 0.03, 0.4, 0.97, 1.0])
def test_a_bitmap_row_is_decoded_in_pieces_that_fit(density):
    bits = np.random.default_rng(8).random(70 * 64) < density
    columns, longest = decoded(np.packbits(bits, bitorder="little").view(np.uint64))
    assert columns == np.flatnonzero(bits).tolist()
    assert longest <= PIECE
