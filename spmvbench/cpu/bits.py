"""Bit counts in plain integer arithmetic, which LLVM turns into popcnt and tzcnt."""

from __future__ import annotations

from typing import Any

import numpy as np

from spmvbench.cpu.jit import njit


@njit()
def count_ones(word: Any) -> Any:
    """How many bits of a uint64 are set, as uint64."""
    pairs = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    fours = (pairs & np.uint64(0x3333333333333333)) + (
        (pairs >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    bytes_ = (fours + (fours >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (bytes_ * np.uint64(0x0101010101010101)) >> np.uint64(56)


@njit()
def lowest_one(word: Any) -> Any:
    """The position of the lowest set bit of a uint64, as uint64; 64 when there is none."""
    return count_ones(~word & (word - np.uint64(1)))
