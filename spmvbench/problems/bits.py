"""Random bits that every machine makes alike: raw Philox4x64-10 words, addressable by position.

Word i of (seed, stream) is output i mod 4 of the Philox4x64-10 block function (Salmon et al.,
Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011; multipliers 0xD2E7470EE14C6C93 and
0xCA5A826395121157, key increments 0x9E3779B97F4A7C15 and 0xBB67AE8584CAA73B) under

    key     = (seed, stream)
    counter = (i div 4 + 1, 0, 0, 0)      least significant word first

The + 1 is NumPy's: it increments the counter before the first block, not after it. Words are taken
as they are; NumPy's distributions are not used, because they may change between its versions.
"""

from __future__ import annotations

import numpy as np

from spmvbench.dtypes import Array

MATRIX = 0
"""The stream of A: element (r, c) owns word r * cols + c."""

VECTORS = 1
"""The stream of x number 0; x number i has stream VECTORS + i."""

_BLOCK = 4
_WORD = 2**64


def words(seed: int, stream: int, start: int, count: int) -> Array:
    """Words start .. start + count - 1 of a stream, whatever was asked for before.

    Shape: (count,), uint64.
    Raises: ValueError for a seed, stream, start or count that is negative or above 64 bits.
    """
    numbers = {"seed": seed, "stream": stream, "start": start, "count": count}
    for name, number in numbers.items():
        if not 0 <= number < _WORD:
            raise ValueError(f"{name} is {number}, expected 0 to 2^64 - 1")
    block, skipped = divmod(start, _BLOCK)
    philox = np.random.Philox(
        key=np.array([seed, stream], np.uint64),
        counter=np.array([block, 0, 0, 0], np.uint64),
    )
    made: Array = philox.random_raw(skipped + count)
    return made[skipped:]
