"""Effective densities to expect of the formats, as functions of density, value bits and cols.

Effective density = packed bits / dense bits. Row pointers are included, 32 bits a row; the closing
entry of `row_pointers` and padding at the end of an array are not: they vanish in any real matrix.
Bytes of a matrix that exists are never computed here: they are `Packed.nbytes`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import entr

Density = npt.ArrayLike
Effective = npt.NDArray[np.float64]

POINTER_BITS = 32
DELTA_BITS = 4
WORD_BITS = 64
SCALE_BITS = 32
GROUP = 128


class Curve(Protocol):
    """A function of density, as all public ones here are."""

    def __call__(self, density: Density, *, value_bits: int = 16, cols: int = 4096) -> Effective:
        """Effective density, in the shape of `density`."""
        ...


def csr32(density: Density, *, value_bits: int = 16, cols: int = 4096) -> Effective:
    """CSR with 32-bit column indices."""
    return _csr(density, value_bits, cols, index_bits=32)


def csr16(density: Density, *, value_bits: int = 16, cols: int = 4096) -> Effective:
    """CSR with 16-bit column indices; Tiled-CSL takes as much."""
    return _csr(density, value_bits, cols, index_bits=16)


def macko(density: Density, *, value_bits: int = 16, cols: int = 4096) -> Effective:
    """MACKO with 4-bit deltas, expected when each element is non-zero with the same chance.

    A non-zero costs one stored zero per 16 zeros right before it, so
    padding / cols = d * sum over k >= 1 of z^k (1 - 16 k / cols), z = (1 - d)^16: the last factor
    is the share of columns that have 16 k columns before them. For long rows the sum tends to
    z / (1 - z), the formula of the paper (arXiv 2511.13061), which is 1 % high at density 0.01 and
    8192 columns because it also pads the zeros after the last non-zero.
    """
    d = np.asarray(density, np.float64)
    reach = 2**DELTA_BITS
    k = np.arange(1, cols // reach + 1)
    jumps = (1 - d[..., None]) ** (reach * k) * (1 - reach * k / cols)
    return _macko(d * (1 + jumps.sum(axis=-1)), value_bits, cols)


def macko_best(density: Density, *, value_bits: int = 16, cols: int = 4096) -> Effective:
    """MACKO when no gap is wider than 15 columns: nothing is padded."""
    return _macko(np.asarray(density, np.float64), value_bits, cols)


def macko_worst(density: Density, *, value_bits: int = 16, cols: int = 4096) -> Effective:
    """MACKO when as many zeros as possible are stored: one for each 16 zeros of the matrix."""
    d = np.asarray(density, np.float64)
    return _macko(d + (1 - d) / 2**DELTA_BITS, value_bits, cols)


def bitmap(density: Density, *, value_bits: int = 16, cols: int = 4096) -> Effective:
    """One bit per column in whole 64-bit words, and the values."""
    words = -(-cols // WORD_BITS)
    d = np.asarray(density, np.float64)
    return d + (words * WORD_BITS + POINTER_BITS) / (cols * value_bits)


def dense_int8(density: Density, *, value_bits: int = 16, cols: int = 4096) -> Effective:
    """8 bits an element and a scale of 32 bits a row, whatever the density."""
    return _constant(density, 8 * cols + SCALE_BITS, value_bits, cols)


def dense_int4(density: Density, *, value_bits: int = 16, cols: int = 4096) -> Effective:
    """4 bits an element and a scale in the dtype of the matrix, in whole groups of 128 columns."""
    groups = -(-cols // GROUP)
    return _constant(density, groups * (4 * GROUP + value_bits), value_bits, cols)


def entropy_limit(density: Density, *, value_bits: int = 16, cols: int = 4096) -> Effective:
    """What no lossless format can go below: the values, and H2(d) bits an element for the places.

    For random places and values that cannot be compressed; a limit needs no row pointers.
    """
    d = np.asarray(density, np.float64)
    places: Effective = (entr(d) + entr(1 - d)) / np.log(2)
    return d + places / value_bits


CURVES: Mapping[str, Curve] = {
    "CSR, 32-bit columns": csr32,
    "CSR, 16-bit columns": csr16,
    "MACKO, expected": macko,
    "bitmap": bitmap,
    "entropy limit": entropy_limit,
}
"""The curves a figure shows beside measured bytes, by the label it gives them.

Quantised weights are not among them: a flat line below a limit that is not theirs.
"""


def break_even(
    curve: Curve, *, value_bits: int = 16, cols: int = 4096, target: float = 1.0
) -> float:
    """The density up to which the effective density is at most `target`: 1 means as large as dense.

    0.0 when row pointers alone are more than that, 1.0 when even the full matrix is not.
    """

    def excess(density: float) -> float:
        return float(curve(density, value_bits=value_bits, cols=cols)) - target

    if excess(0.0) > 0:
        return 0.0
    return 1.0 if excess(1.0) <= 0 else _bisect(excess)


def _bisect(rising: Callable[[float], float]) -> float:
    """Where a rising function on [0, 1] becomes positive, to 1e-12."""
    low, high = 0.0, 1.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return low


def _constant(density: Density, row_bits: int, value_bits: int, cols: int) -> Effective:
    return np.full(np.shape(density), row_bits / (cols * value_bits))


def _csr(density: Density, value_bits: int, cols: int, *, index_bits: int) -> Effective:
    d = np.asarray(density, np.float64)
    return d * (value_bits + index_bits) / value_bits + POINTER_BITS / (cols * value_bits)


def _macko(stored: Effective, value_bits: int, cols: int) -> Effective:
    """From the share of stored elements, padding included."""
    return stored * (value_bits + DELTA_BITS) / value_bits + POINTER_BITS / (cols * value_bits)
