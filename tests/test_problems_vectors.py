"""The vectors x: exact in every type, as many as asked for, no two alike."""

from __future__ import annotations

import hashlib

import numpy as np
import philox
import pytest

from spmvbench.dtypes import DTYPES
from spmvbench.problems.base import Problem
from spmvbench.problems.bits import VECTORS
from spmvbench.problems.patterns import GRID, LARGEST
from spmvbench.problems.vectors import STEP, vector

ONE = Problem(8, 1000, 0.5)
BATCH = Problem(8, 1000, 0.5, batch=3)


def test_an_entry_is_what_its_word_says():
    words = [philox.word(47, VECTORS + 5, i) for i in range(40)]
    expected = [(2 * (word >> 59) - 31) / 32 for word in words]
    assert vector(Problem(1, 40, 0.5), 5).tolist() == expected


def test_the_bytes_never_change():
    digest = hashlib.sha256(vector(BATCH, 2).tobytes()).hexdigest()
    assert digest[:16] == "2d53071b28444f60"


def test_entries_are_odd_multiples_of_the_step_up_to_31():
    units = vector(ONE, 0) / np.float32(STEP)
    assert sorted(set(units.tolist())) == list(range(-31, 32, 2))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_holds_x_exactly(dtype):
    x = vector(ONE, 0)
    np.testing.assert_array_equal(x.astype(DTYPES[dtype]).astype(np.float32), x)


@pytest.mark.parametrize(("problem", "shape"), [(ONE, (1000,)), (BATCH, (1000, 3))])
def test_x_has_a_column_per_product_of_the_batch(problem, shape):
    x = vector(problem, 0)
    assert (x.shape, x.dtype) == (shape, np.float32)
    assert x.flags.c_contiguous


def test_every_number_gives_another_x():
    made = {vector(ONE, index).tobytes() for index in (0, 1, 2, 7, 10**12)}
    assert len(made) == 5


def test_another_seed_gives_another_x():
    assert (vector(ONE, 0) != vector(Problem(8, 1000, 0.5, seed=48), 0)).mean() > 0.9


def test_x_does_not_depend_on_the_matrix():
    other = Problem(3, 1000, 0.1, "float32", "2:4")
    np.testing.assert_array_equal(vector(ONE, 0), vector(other, 0))


def test_no_columns_are_an_empty_x():
    assert vector(Problem(4, 0, 0.5), 0).shape == (0,)


def test_a_negative_number_is_refused():
    with pytest.raises(ValueError, match="index is -1"):
        vector(ONE, -1)


def test_a_sum_over_512_columns_cannot_round_in_float32():
    largest = LARGEST * GRID * 31 * STEP
    assert 512 * largest < 2**24 * GRID * STEP
