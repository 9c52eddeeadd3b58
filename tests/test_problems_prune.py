"""Magnitude pruning: exactly the largest stay, in every type, ties in row-major order."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import smallest

from spmvbench.dtypes import DTYPES
from spmvbench.errors import ExperimentError
from spmvbench.problems import chunks
from spmvbench.problems.build import count_nonzero
from spmvbench.problems.prune import check_prune, prune

WEIGHT_DTYPES = ("float16", "bfloat16", "float32")
SHAPES = [(1, 1), (1, 50), (50, 1), (30, 70), (301, 333), (2, 65537)]


def weights(shape: tuple[int, int], dtype: str) -> np.ndarray:
    made = np.random.default_rng(3).standard_normal(shape, np.float32)
    return made.astype(DTYPES[dtype])


def negated_magnitudes(dense: np.ndarray) -> np.ndarray:
    return -np.abs(dense.astype(np.float64))


@pytest.mark.parametrize("dtype", WEIGHT_DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("density", [0.1, 0.5, 1.0])
def test_magnitude_keeps_the_largest_of_the_matrix(dtype, shape, density):
    dense = weights(shape, dtype)
    kept = smallest.of_matrix(negated_magnitudes(dense), round(density * dense.size))
    expected = np.where(kept, dense, dense.dtype.type(0))
    np.testing.assert_array_equal(prune(dense, density, "magnitude"), expected, strict=True)


@pytest.mark.parametrize("dtype", WEIGHT_DTYPES)
@pytest.mark.parametrize("shape", [s for s in SHAPES if s[1] > 1])
@pytest.mark.parametrize("density", [0.1, 0.5, 1.0])
def test_magnitude_row_keeps_the_largest_of_every_row(dtype, shape, density):
    dense = weights(shape, dtype)
    kept = smallest.of_rows(negated_magnitudes(dense), round(density * shape[1]))
    expected = np.where(kept, dense, dense.dtype.type(0))
    np.testing.assert_array_equal(prune(dense, density, "magnitude-row"), expected, strict=True)


@pytest.mark.parametrize("dtype", WEIGHT_DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("n", "m"), [(2, 4), (4, 8), (3, 7)])
def test_n_of_m_keeps_the_largest_of_every_group(dtype, shape, n, m):
    dense = weights(shape, dtype)
    kept = smallest.of_groups(negated_magnitudes(dense), n, m)
    expected = np.where(kept, dense, dense.dtype.type(0))
    np.testing.assert_array_equal(prune(dense, n / m, f"{n}:{m}"), expected, strict=True)


@pytest.mark.parametrize("dtype", WEIGHT_DTYPES)
@pytest.mark.parametrize("pattern", ["magnitude", "magnitude-row", "2:4"])
def test_of_equal_magnitudes_the_first_stay_whatever_their_sign(dtype, pattern):
    dense = np.array([[-2, 2, 2, -2, 2, 2, -2, -2]], DTYPES[dtype])
    expected = {"2:4": [-2, 2, 0, 0, 2, 2, 0, 0]}.get(pattern, [-2, 2, 2, -2, 0, 0, 0, 0])
    assert prune(dense, 0.5, pattern).astype(float).tolist() == [expected]


@pytest.mark.parametrize("dtype", WEIGHT_DTYPES)
@pytest.mark.parametrize("pattern", ["magnitude", "magnitude-row", "2:4"])
def test_nan_counts_as_the_largest_and_infinity_as_the_next(dtype, pattern):
    tiny = np.finfo(np.float16).smallest_subnormal
    dense = np.array([[9, np.nan, tiny, 1, np.inf, 3, 4, -np.nan]], DTYPES[dtype])
    kept = ~np.equal(prune(dense, 0.5, pattern), 0)
    expected = {"2:4": [1, 1, 0, 0, 1, 0, 0, 1]}.get(pattern, [1, 1, 0, 0, 1, 0, 0, 1])
    assert kept.astype(int).tolist() == [expected]


@pytest.mark.parametrize("pattern", ["magnitude", "magnitude-row", "2:4"])
@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (4, 0)])
def test_nothing_pruned_is_nothing(pattern, shape):
    assert prune(np.zeros(shape, np.float16), 0.5, pattern).shape == shape


def test_stored_changes_nothing():
    dense = weights((3, 4), "float16")
    assert prune(dense, None, "stored") is dense


@pytest.mark.parametrize("pattern", ["magnitude", "magnitude-row", "2:4"])
def test_what_is_pruned_is_a_copy(pattern):
    dense = weights((30, 40), "float16")
    before = dense.copy()
    pruned = prune(dense, 0.5, pattern)
    np.testing.assert_array_equal(dense, before)
    assert not np.shares_memory(dense, pruned)


def test_columns_first_arrays_are_pruned_alike():
    dense = weights((30, 40), "float32")
    expected = prune(dense, 0.3, "magnitude")
    np.testing.assert_array_equal(prune(np.asfortranarray(dense), 0.3, "magnitude"), expected)


def test_a_matrix_of_one_magnitude_keeps_the_exact_count():
    dense = np.full((700, 900), -0.5, np.float16)
    pruned = prune(dense, 0.37, "magnitude")
    assert count_nonzero(pruned) == count_nonzero(pruned[:259]) == round(0.37 * 700 * 900)


@pytest.mark.parametrize("pattern", ["magnitude", "magnitude-row", "2:4"])
def test_beside_both_matrices_at_most_2_bytes_an_element_are_held(pattern, monkeypatch):
    monkeypatch.setattr(chunks, "MAX_THREADS", 2)
    dense = weights((2048, 2048), "float16")
    tracemalloc.start()
    pruned = prune(dense, 0.5, pattern)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak - pruned.nbytes <= 2 * dense.size


@pytest.mark.parametrize(
    ("pattern", "density"),
    [("stored", None), ("magnitude", 1.0), ("magnitude-row", 0.1), ("2:4", 0.5), ("1:3", 1 / 3)],
)
def test_known_ways_have_nothing_against_them(pattern, density):
    assert check_prune(pattern, density, 64) is None


@pytest.mark.parametrize(
    ("pattern", "density", "reason"),
    [
        (
            "magnitud",
            0.5,
            "no pattern 'magnitud' for a stored matrix, expected stored, magnitude, magnitude-row "
            "or N:M; did you mean 'magnitude'?",
        ),
        ("stored", 0.5, "pattern stored at density 0.5: it prunes nothing, expected no density"),
        ("magnitude", None, "pattern magnitude: density is None, expected above 0 and at most 1"),
        ("magnitude", 0.0, "pattern magnitude: density is 0.0, expected above 0 and at most 1"),
        ("2:4", 0.3, "pattern 2:4 at density 0.3, expected density 0.5"),
        (
            "magnitude-row",
            0.001,
            "pattern magnitude-row at density 0.001 keeps none of 64 columns; raise it",
        ),
    ],
)
def test_what_cannot_be_pruned_is_refused_with_the_reason(pattern, density, reason):
    assert check_prune(pattern, density, 64) == reason
    with pytest.raises(ExperimentError) as caught:
        prune(np.ones((2, 64), np.float16), density, pattern)
    assert str(caught.value) == reason
