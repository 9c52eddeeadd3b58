"""Choosing the k smallest keys: exact, stable, and the same in one chunk or in many."""

from __future__ import annotations

import numpy as np
import pytest
import smallest

from spmvbench.problems.chunks import WHOLE_ROW, chunks
from spmvbench.problems.select import MAX_GROUP, n_of_m, per_group, per_matrix, per_row

TOP = 2**32 - 1
ALPHABETS = {
    "many ties": [0, 7, TOP],
    "ties of the upper half": [0x12340000, 0x12340001, 0x1234FFFF],
    "one key": [5],
    "no ties": None,
}


def keys(alphabet: str, rows: int, cols: int) -> np.ndarray:
    rng = np.random.default_rng(rows + cols)
    letters = ALPHABETS[alphabet]
    if letters is None:
        return rng.permutation(rows * cols).astype(np.uint32).reshape(rows, cols)
    return rng.choice(np.array(letters, np.uint32), (rows, cols))


def kept_by(keep, keys: np.ndarray, align: int = 1) -> np.ndarray:
    rows, cols = keys.shape
    kept = np.zeros(keys.shape, bool)
    for chunk in chunks(range(rows), cols, align):
        kept[chunk.rows, chunk.cols] = keep(keys[chunk.rows, chunk.cols], chunk)
    return kept


@pytest.mark.parametrize("alphabet", ALPHABETS)
@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (300, 701), (2, WHOLE_ROW + 1)])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_a_matrix_keeps_its_first_k_smallest(alphabet, shape, share):
    all_keys = keys(alphabet, *shape)
    flat = all_keys.reshape(-1)
    k = round(share * flat.size)
    keep = per_matrix(lambda a, b: flat[a:b], 0, flat.size, k)
    expected = smallest.of_matrix(all_keys, k)
    np.testing.assert_array_equal(kept_by(keep, all_keys), expected, strict=True)


@pytest.mark.parametrize("alphabet", ALPHABETS)
@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (300, 701), (3, WHOLE_ROW), (3, WHOLE_ROW + 1)])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_every_row_keeps_its_first_k_smallest(alphabet, shape, share):
    all_keys = keys(alphabet, *shape)
    flat = all_keys.reshape(-1)
    k = round(share * shape[1])
    keep = per_row(lambda a, b: flat[a:b], *shape, k)
    expected = smallest.of_rows(all_keys, k)
    np.testing.assert_array_equal(kept_by(keep, all_keys), expected, strict=True)


@pytest.mark.parametrize("alphabet", ALPHABETS)
@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 4), (4, 8), (1, 3), (5, 5), (200, 256)])
@pytest.mark.parametrize("shape", [(1, 1), (4, 256), (7, 259), (2, WHOLE_ROW + 3)])
def test_every_group_keeps_its_first_n_smallest(alphabet, n, m, shape):
    all_keys = keys(alphabet, *shape)
    expected = smallest.of_groups(all_keys, n, m)
    np.testing.assert_array_equal(kept_by(per_group(n, m), all_keys, m), expected, strict=True)


def test_the_last_of_many_ties_may_be_far_from_the_first_chunk():
    flat = np.full(5 * WHOLE_ROW, 9, np.uint32)
    keep = per_matrix(lambda a, b: flat[a:b], 0, flat.size, 4 * WHOLE_ROW + 5)
    kept = kept_by(keep, flat.reshape(1, -1))[0]
    assert kept[: 4 * WHOLE_ROW + 5].all()
    assert not kept[4 * WHOLE_ROW + 5 :].any()


@pytest.mark.parametrize("k", range(1, 6))
def test_of_equal_keys_the_first_are_kept_up_to_the_last_place(k):
    flat = np.full(6, 9, np.uint32)
    kept = kept_by(per_matrix(lambda a, b: flat[a:b], 0, 6, k), flat.reshape(1, 6))
    assert kept.tolist() == [[True] * k + [False] * (6 - k)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("2:4", (2, 4)),
        ("1:256", (1, 256)),
        (f"{MAX_GROUP}:{MAX_GROUP}", (MAX_GROUP, MAX_GROUP)),
        ("0:4", None),
        ("5:4", None),
        ("1:257", None),
        ("2:4:8", None),
        (" 2:4", None),
        ("2:4\n", None),
        ("two:4", None),
        ("", None),
    ],
)
def test_n_of_m_reads_nothing_but_n_of_m(name, expected):
    assert n_of_m(name) == expected
