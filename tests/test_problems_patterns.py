"""Generated matrices: bit for bit what the words say, in every pattern and dtype."""

from __future__ import annotations

import hashlib
import tracemalloc
from dataclasses import replace

import numpy as np
import philox
import pytest
import smallest

from spmvbench.dtypes import DTYPES
from spmvbench.problems import chunks, masks, patterns
from spmvbench.problems.base import Problem
from spmvbench.problems.bits import MATRIX, words
from spmvbench.problems.masks import NAMES
from spmvbench.problems.patterns import GRID, check_pattern, generate, generate_rows, values

WEIGHT_DTYPES = ("float16", "bfloat16", "float32")
DENSITIES = {
    "uniform": 0.3,
    "exact": 0.3,
    "row": 0.3,
    "2:4": 0.5,
    "4:8": 0.5,
    "1:4": 0.25,
    "group16": 0.3,
    "block32": 0.3,
    "banded": 0.3,
    "power-law": 0.3,
    "empty-rows": 0.3,
    "heavy-row": 0.3,
}
FILLABLE = sorted({"8:8", "group2", "block256", *NAMES} - {"empty-rows"})
PATTERNS = sorted(DENSITIES)
TINY, SHORT, WIDE = (70, 133), (1000, 333), (3, 65537)


def problem(pattern: str, shape: tuple[int, int] = TINY, dtype: str = "float16") -> Problem:
    return Problem(*shape, DENSITIES[pattern], dtype, pattern)


def mask_words(made: Problem) -> np.ndarray:
    raw = words(made.seed, MATRIX, 0, made.elements) & np.uint64(2**32 - 1)
    return raw.reshape(made.rows, made.cols).astype(np.int64)


# The first 16 digits of the SHA-256 of the bytes of a 70 x 133 matrix with seed 47. A change here
# makes all results measured before incomparable.
GOLDEN = {
    ("uniform", "float16"): "597f814255577105",
    ("uniform", "bfloat16"): "910300e77fff5013",
    ("uniform", "float32"): "98482fa2c621119a",
    ("exact", "float16"): "ca5c53fec60d27d5",
    ("exact", "bfloat16"): "369c938d75378b12",
    ("exact", "float32"): "42a67b49716ef6fd",
    ("row", "float16"): "a67d6ad194a77893",
    ("row", "bfloat16"): "2bcf05e1eb3853b1",
    ("row", "float32"): "77ab6cbd6422f661",
    ("2:4", "float16"): "f0024528be6cc6d3",
    ("2:4", "bfloat16"): "3d7272036dee162c",
    ("2:4", "float32"): "b9840a83133d04b9",
    ("4:8", "float16"): "01ca93dc5a385b6f",
    ("4:8", "bfloat16"): "cfc99043493bff7b",
    ("4:8", "float32"): "4517dc1e5ed63e55",
    ("1:4", "float16"): "17f8a64171dcee8f",
    ("1:4", "bfloat16"): "10b2c0e4765f0722",
    ("1:4", "float32"): "b560082bfd799e9e",
    ("group16", "float16"): "c1d1cc187c1fcd12",
    ("group16", "bfloat16"): "a2c5776e2c262b7a",
    ("group16", "float32"): "2aa2cb717577e973",
    ("block32", "float16"): "855c0aba004609d1",
    ("block32", "bfloat16"): "dc368143e8c3fdba",
    ("block32", "float32"): "a7d18b9630ae4608",
    ("banded", "float16"): "7c12a8f46f3fea24",
    ("banded", "bfloat16"): "7438a590e1ccbbcb",
    ("banded", "float32"): "138df4704628bfcd",
    ("power-law", "float16"): "6df895e58399676d",
    ("power-law", "bfloat16"): "ee819b4728c404cb",
    ("power-law", "float32"): "e2c00a9147c21c28",
    ("empty-rows", "float16"): "ba682e29ecb2b2b7",
    ("empty-rows", "bfloat16"): "f5510f461e26290e",
    ("empty-rows", "float32"): "381942b2401bc832",
    ("heavy-row", "float16"): "820f72411154a77f",
    ("heavy-row", "bfloat16"): "87231eb1b59d18be",
    ("heavy-row", "float32"): "a1cea5c0c36b5511",
}


@pytest.mark.parametrize("dtype", WEIGHT_DTYPES)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_bytes_never_change(pattern, dtype):
    digest = hashlib.sha256(generate(problem(pattern, dtype=dtype)).tobytes()).hexdigest()
    assert digest[:16] == GOLDEN[pattern, dtype]


def test_an_element_is_what_its_word_says():
    expected = []
    for i in range(6 * 9):
        word = philox.word(11, MATRIX, i)
        high = word >> 32
        total = sum(high.to_bytes(4, "little")) + high % 2
        kept = word % 2**32 < round(0.7 * 2**32)
        expected.append((2 * total - 1021) * GRID if kept else 0.0)
    made = generate(Problem(6, 9, 0.7, "float32", seed=11))
    assert made.reshape(-1).tolist() == expected


@pytest.mark.parametrize("dtype", WEIGHT_DTYPES)
def test_every_possible_value_is_a_multiple_of_the_grid_and_not_zero(dtype):
    units = values(dtype)[1:].astype(np.float64) / GRID
    assert len(units) == 1022
    assert (units == np.round(units)).all()
    assert (units != 0).all()
    assert np.abs(units).max() <= 1021


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_values_are_exact_in_all_but_bfloat16(dtype):
    assert (values(dtype)[1:] / GRID).tolist() == list(range(-1021, 1022, 2))


@pytest.mark.parametrize(("word", "value"), [(0, -1021), (2**64 - 1, 1021)])
def test_the_extreme_words_give_the_extreme_values(monkeypatch, word, value):
    monkeypatch.setattr(patterns, "words", lambda *at: np.full(at[3], word, np.uint64))
    assert (generate(Problem(2, 3, 1.0, "float32")) == value * GRID).all()


def test_values_are_as_often_negative_as_positive_and_half_are_small():
    made = generate(Problem(512, 512, 1.0, "float32"))
    assert abs(np.mean(made > 0) - 0.5) < 0.01
    assert 0.65 < np.mean(np.abs(made) < made.std()) < 0.71  # 0.683 were it normal


@pytest.mark.parametrize("pattern", FILLABLE)
@pytest.mark.parametrize("shape", [TINY, WIDE, (1, 40), (40, 1), (1, 1)])
def test_density_one_keeps_every_element(pattern, shape):
    assert np.count_nonzero(generate(Problem(*shape, 1.0, "float32", pattern))) == np.prod(shape)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0), (1, 1), (1, 300), (300, 1)])
def test_the_smallest_shapes_can_be_made(pattern, shape):
    assert generate(problem(pattern, shape)).shape == shape


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize(("shape", "rows"), [(SHORT, (190, 420)), (SHORT, (0, 1)), (WIDE, (1, 2))])
def test_rows_made_alone_are_those_of_the_whole(pattern, shape, rows):
    whole = generate(problem(pattern, shape))
    part = generate_rows(problem(pattern, shape), *rows)
    np.testing.assert_array_equal(part, whole[slice(*rows)], strict=True)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_bytes_do_not_depend_on_the_number_of_threads(pattern, monkeypatch):
    several = generate(problem(pattern, SHORT))
    monkeypatch.setattr(chunks, "MAX_THREADS", 1)
    np.testing.assert_array_equal(generate(problem(pattern, SHORT)), several, strict=True)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_all_dtypes_keep_the_same_elements(pattern):
    half, brain, single = (generate(problem(pattern, dtype=dtype)) != 0 for dtype in WEIGHT_DTYPES)
    assert (half == single).all()
    assert (brain == single).all()


def test_another_seed_gives_another_matrix():
    first = problem("uniform")
    assert (generate(first) != generate(replace(first, seed=48))).mean() > 0.4


@pytest.mark.parametrize("shape", [TINY, SHORT, WIDE])
def test_uniform_keeps_what_is_below_the_threshold(shape):
    made = problem("uniform", shape)
    expected = mask_words(made) < round(0.3 * 2**32)
    np.testing.assert_array_equal(generate(made) != 0, expected)


@pytest.mark.parametrize("pattern", ["uniform", "group16", "block32"])
@pytest.mark.parametrize(("word", "kept"), [(2**30 - 1, 6), (2**30, 0)])
def test_a_word_is_kept_below_the_threshold_and_not_at_it(monkeypatch, pattern, word, kept):
    for module in (patterns, masks):
        monkeypatch.setattr(module, "words", lambda *at: np.full(at[3], word, np.uint64))
    assert np.count_nonzero(generate(Problem(2, 3, 0.25, "float32", pattern))) == kept


@pytest.mark.parametrize("shape", [TINY, SHORT, WIDE])
def test_exact_keeps_the_smallest_words_of_the_matrix(shape):
    made = problem("exact", shape)
    expected = smallest.of_matrix(mask_words(made), round(0.3 * made.elements))
    np.testing.assert_array_equal(generate(made) != 0, expected)


@pytest.mark.parametrize("shape", [TINY, SHORT, WIDE])
def test_row_keeps_the_smallest_words_of_every_row(shape):
    made = problem("row", shape)
    expected = smallest.of_rows(mask_words(made), round(0.3 * shape[1]))
    np.testing.assert_array_equal(generate(made) != 0, expected)


@pytest.mark.parametrize(("n", "m"), [(2, 4), (4, 8), (1, 4), (3, 7)])
@pytest.mark.parametrize("shape", [TINY, WIDE])
def test_n_of_m_keeps_the_smallest_words_of_every_group(n, m, shape):
    made = Problem(*shape, n / m, "float16", f"{n}:{m}")
    expected = smallest.of_groups(mask_words(made), n, m)
    np.testing.assert_array_equal(generate(made) != 0, expected)


@pytest.mark.parametrize("shape", [TINY, SHORT, WIDE])
def test_the_first_word_of_a_group_decides_for_its_columns(shape):
    made = problem("group16", shape)
    col = np.arange(shape[1]) // 16 * 16
    expected = mask_words(made)[:, col] < round(0.3 * 2**32)
    np.testing.assert_array_equal(generate(made) != 0, expected)


@pytest.mark.parametrize("shape", [TINY, SHORT, WIDE])
def test_the_first_word_of_a_block_decides_for_its_elements(shape):
    made = problem("block32", shape)
    row, col = (np.arange(size) // 32 * 32 for size in shape)
    expected = mask_words(made)[np.ix_(row, col)] < round(0.3 * 2**32)
    np.testing.assert_array_equal(generate(made) != 0, expected)


@pytest.mark.parametrize("shape", [TINY, SHORT, WIDE, (133, 70)])
def test_banded_keeps_one_run_a_row_that_covers_the_diagonal(shape):
    nonzero = generate(problem("banded", shape)) != 0
    width = round(0.3 * shape[1])
    assert (nonzero.sum(axis=1) == width).all()
    first = nonzero.argmax(axis=1)
    last = shape[1] - 1 - nonzero[:, ::-1].argmax(axis=1)
    diagonal = np.arange(shape[0]) * shape[1] // shape[0]
    assert (last - first == width - 1).all()
    assert (first <= diagonal).all()
    assert (diagonal <= last).all()


def test_power_law_rows_fall_as_one_over_their_rank():
    nonzero = generate(Problem(1000, 4000, 0.05, "float16", "power-law")) != 0
    counts = nonzero.sum(axis=1)
    assert abs(nonzero.mean() - 0.05) < 0.001
    assert counts[0] == 4000
    ratio = counts[99] / counts[399]  # rank 100 over rank 400
    assert 3 < ratio < 5


def test_empty_rows_are_empty_and_the_others_make_up_for_them():
    counts = (generate(problem("empty-rows", SHORT)) != 0).sum(axis=1)
    assert (counts[np.arange(1000) % 8 < 2] == 0).all()
    assert (counts[np.arange(1000) % 8 >= 2] > 0).all()
    assert abs(counts.sum() / (1000 * 333) - 0.3) < 0.01


def test_heavy_row_has_one_full_row_and_the_density_asked_for():
    made = generate(Problem(100, 3000, 0.02, "float16", "heavy-row"))
    counts = (made != 0).sum(axis=1)
    assert counts[50] == 3000
    assert np.delete(counts, 50).max() < 90
    assert abs(counts.sum() / made.size - 0.02) < 0.001


@pytest.mark.parametrize("pattern", ["uniform", "group16", "block32"])
@pytest.mark.parametrize("density", [0.05, 0.5, 0.95])
def test_bernoulli_patterns_have_about_the_density(pattern, density):
    independent = 1024 * 2048 / {"uniform": 1, "group16": 16, "block32": 1024}[pattern]
    found = np.mean(generate(Problem(1024, 2048, density, "float16", pattern)) != 0)
    assert abs(found - density) < 5 * (density * (1 - density) / independent) ** 0.5


@pytest.mark.parametrize("pattern", PATTERNS)
def test_beside_the_matrix_at_most_4_bytes_an_element_are_held(pattern, monkeypatch):
    monkeypatch.setattr(chunks, "MAX_THREADS", 2)
    tracemalloc.start()
    made = generate(problem(pattern, (2048, 2048)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak - made.nbytes <= 4 * made.size


@pytest.mark.parametrize("pattern", ["uniform", "exact", "row", "2:4", "group16", "block32"])
def test_one_long_row_needs_no_more_memory_than_many_short_ones(pattern, monkeypatch):
    monkeypatch.setattr(chunks, "MAX_THREADS", 2)
    tracemalloc.start()
    made = generate(problem(pattern, (1, 2048 * 2048)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak - made.nbytes <= 4 * made.size


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_matrix_has_the_dtype_asked_for(dtype):
    assert generate(problem("uniform", dtype=dtype)).dtype == DTYPES[dtype]


@pytest.mark.parametrize("pattern", [*PATTERNS, "3:7", "group2", "group256", "block2", "block256"])
def test_known_patterns_have_nothing_against_them(pattern):
    assert check_pattern(pattern, DENSITIES.get(pattern, 3 / 7), 333) is None


@pytest.mark.parametrize(
    ("pattern", "density", "cols", "reason"),
    [
        (
            "uniforn",
            0.5,
            64,
            "unknown pattern 'uniforn', expected uniform, exact, row, banded, power-law, "
            "empty-rows, heavy-row, N:M, groupN or blockN, at most 256 and for groups and blocks "
            "a power of two; did you mean 'uniform'?",
        ),
        ("uniform", 0.0, 64, "density is 0.0, expected above 0 and at most 1"),
        ("uniform", 1.5, 64, "density is 1.5, expected above 0 and at most 1"),
        ("exact", float("nan"), 64, "density is nan, expected above 0 and at most 1"),
        ("2:4", 0.3, 64, "pattern 2:4 at density 0.3, expected density 0.5"),
        ("row", 0.001, 64, "pattern row at density 0.001 keeps none of 64 columns; raise it"),
        ("empty-rows", 0.8, 64, "pattern empty-rows at density 0.8, expected at most 0.75"),
    ],
)
def test_what_cannot_be_made_is_refused_with_the_reason(pattern, density, cols, reason):
    assert check_pattern(pattern, density, cols) == reason


@pytest.mark.parametrize("pattern", ["group3", "group512", "block1", "block", "5:4", "0:4", ""])
def test_sizes_that_are_no_power_of_two_or_too_large_are_unknown(pattern):
    assert check_pattern(pattern, 0.5, 64).startswith(f"unknown pattern '{pattern}'")
