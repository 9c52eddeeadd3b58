"""Which elements are kept when the k smallest of 32-bit keys win, ties by row-major position.

The keys of a generated matrix are its mask words, those of a stored one its magnitudes upside down.
Keys are asked for in chunks, more than once: making them again is cheaper than storing them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from spmvbench.dtypes import Array
from spmvbench.problems.chunks import WHOLE_ROW, Chunk, in_threads, threads

KeysOf = Callable[[int, int], Array]
"""`keys_of(start, stop)`: the uint32 keys of elements start .. stop - 1, row-major."""

Keep = Callable[[Array, Chunk], Array]
"""`keep(keys, chunk)`: True where an element is kept. Shapes: keys and result as chunk.shape."""

MAX_GROUP = 256
"""The widest group of N:M, and the widest run or block kept or dropped together."""

_TOP = 2**32 - 1
_HALF = 16
_BINS = 2**_HALF
# Elements counted at once: more than there are bins, so that adding up the bins is the lesser cost.
_COUNTED = 2**18


def n_of_m(name: str) -> tuple[int, int] | None:
    """(2, 4) for `2:4`; None for what is no such pattern."""
    match = re.fullmatch(r"([1-9]\d{0,2}):([1-9]\d{0,2})", name)
    if not match:
        return None
    n, m = int(match[1]), int(match[2])
    return (n, m) if n <= m <= MAX_GROUP else None


def per_matrix(keys_of: KeysOf, start: int, stop: int, k: int) -> Keep:
    """Keep exactly k of elements start .. stop - 1, which a chunk must lie within."""
    if k <= 0:
        return lambda keys, chunk: np.zeros(chunk.shape, bool)
    if k >= stop - start:
        return lambda keys, chunk: np.ones(chunk.shape, bool)
    highest, last = _threshold(keys_of, start, stop, k)

    def keep(keys: Array, chunk: Chunk) -> Array:
        kept: Array = keys <= highest
        if chunk.stop > last + 1:
            late = max(0, last + 1 - chunk.start)
            kept.reshape(-1)[late:] &= keys.reshape(-1)[late:] != highest
        return kept

    return keep


def per_row(keys_of: KeysOf, rows: int, cols: int, k: int) -> Keep:
    """Keep exactly k of every row."""
    if cols <= WHOLE_ROW:
        return lambda keys, chunk: _smallest(keys, k)
    # Such a row comes in several chunks, which have to agree.
    each = [per_matrix(keys_of, row * cols, (row + 1) * cols, k) for row in range(rows)]
    return lambda keys, chunk: each[chunk.row](keys, chunk)


def per_group(n: int, m: int) -> Keep:
    """Keep n of every m consecutive columns; a short last group keeps n too, or all it has.

    Chunks must begin at a multiple of m.
    """

    def keep(keys: Array, chunk: Chunk) -> Array:
        missing = -chunk.shape[1] % m
        if missing:  # a filling key loses against any real one, if only by position
            keys = np.pad(keys, ((0, 0), (0, missing)), constant_values=_TOP)
        kept = _smallest(keys.reshape(-1, m), n)
        inside: Array = kept.reshape(keys.shape)[:, : chunk.shape[1]]
        return inside

    return keep


def _smallest(keys: Array, k: int) -> Array:
    """True at the k smallest keys of each row."""
    if not 0 < k < keys.shape[1]:
        return np.full(keys.shape, k > 0)
    highest = np.partition(keys, k - 1, axis=1)[:, k - 1 : k]
    kept: Array = keys <= highest
    if np.count_nonzero(kept) > k * len(keys):  # some row has ties for its last place
        crowded = np.flatnonzero(kept.sum(axis=1) > k)
        keys, highest = keys[crowded], highest[crowded]
        below, ties = keys < highest, keys == highest
        places = k - below.sum(axis=1, keepdims=True)
        kept[crowded] = below | (ties & (ties.cumsum(axis=1) <= places))
    return kept


def _threshold(keys_of: KeysOf, start: int, stop: int, k: int) -> tuple[int, int]:
    """The k-th smallest key, and the position of the last element with it that is kept."""
    upper = _histogram(lambda a, b: keys_of(a, b) >> np.uint32(_HALF), start, stop)
    high, places = find(upper, k)

    def lower_of(a: int, b: int) -> Array:
        keys = keys_of(a, b)
        inside: Array = keys[keys >> np.uint32(_HALF) == high] & np.uint32(_BINS - 1)
        return inside

    lower = _histogram(lower_of, start, stop)
    low, places = find(lower, places)
    highest = high << _HALF | low
    if lower[low] == places:
        return highest, stop - 1
    return highest, position(keys_of, start, stop, highest, places)


def find(histogram: Array, k: int) -> tuple[int, int]:
    """The bin of the k-th element, and which one of that bin it is, counted from 1."""
    sums = np.cumsum(histogram)
    found = int(np.searchsorted(sums, k))
    return found, k - int(sums[found] - histogram[found])


def _histogram(bins_of: KeysOf, start: int, stop: int) -> Array:
    """How often each 16-bit number occurs. One stripe a thread, so that few sums exist at once."""
    stripe = max(_COUNTED, -(-(stop - start) // threads()))

    def count(first: int) -> Array:
        total = np.zeros(_BINS, np.int64)
        end = min(stop, first + stripe)
        for a in range(first, end, _COUNTED):
            total += np.bincount(bins_of(a, min(end, a + _COUNTED)), minlength=_BINS)
        return total

    total: Array = np.sum(in_threads(count, range(start, stop, stripe)), axis=0)
    return total


def position(keys_of: KeysOf, start: int, stop: int, key: int, number: int) -> int:
    """Where that key occurs for that time, counted from 1."""
    for first in range(start, stop, _COUNTED):
        ties = np.flatnonzero(keys_of(first, min(stop, first + _COUNTED)) == key)
        if ties.size >= number:
            return first + int(ties[number - 1])
        number -= ties.size
    raise ValueError(f"key {key} occurs too rarely in elements {start} to {stop - 1}")
