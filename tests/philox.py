"""Philox4x64-10 in plain Python integers: what any other implementation has to agree with.

Source: Salmon, Moraes, Dror, Shaw, Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011, section 4.
"""

from __future__ import annotations

MASK = 2**64 - 1
MULTIPLIERS = 0xD2E7470EE14C6C93, 0xCA5A826395121157
INCREMENTS = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B


def block(counter: tuple[int, int, int, int], key: tuple[int, int]) -> tuple[int, int, int, int]:
    """Four words of a counter and a key, each least significant word first."""
    a, b, c, d = counter
    left, right = key
    for _ in range(10):
        first, second = MULTIPLIERS[0] * a, MULTIPLIERS[1] * c
        a, b, c, d = second >> 64 ^ b ^ left, second & MASK, first >> 64 ^ d ^ right, first & MASK
        left, right = (left + INCREMENTS[0]) & MASK, (right + INCREMENTS[1]) & MASK
    return a, b, c, d


def word(seed: int, stream: int, i: int) -> int:
    """Word i of a stream, by the rule that `spmvbench.problems.bits` states."""
    return block((i // 4 + 1, 0, 0, 0), (seed, stream))[i % 4]
