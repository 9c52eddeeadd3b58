"""The k smallest, ties by position, by sorting: slow, short, and plainly right."""

from __future__ import annotations

import numpy as np


def of_rows(keys: np.ndarray, k: int) -> np.ndarray:
    """True at the k smallest keys of every row. Shapes: (rows, cols)."""
    kept = np.zeros(keys.shape, bool)
    order = np.argsort(keys, axis=1, kind="stable")
    np.put_along_axis(kept, order[:, :k], True, axis=1)
    return kept


def of_matrix(keys: np.ndarray, k: int) -> np.ndarray:
    """True at the k smallest keys of all. Shapes: (rows, cols)."""
    return of_rows(keys.reshape(1, -1), k).reshape(keys.shape)


def of_groups(keys: np.ndarray, n: int, m: int) -> np.ndarray:
    """True at the n smallest keys of every m columns, the last ones fewer. Shapes: (rows, cols)."""
    rows, cols = keys.shape
    whole = cols // m * m
    groups = of_rows(keys[:, :whole].reshape(-1, m), n).reshape(rows, whole)
    return np.hstack([groups, of_rows(keys[:, whole:], n)])
