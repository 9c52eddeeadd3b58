"""The size formulas against worked numbers and against matrices drawn at random."""

import numpy as np
import pytest

from spmvbench import theory
from spmvbench.formats import resolve

LONG = 2**20  # columns enough for row pointers and row ends to vanish


def encoded_bits(dense, *, value_bits=16):
    """Bits of MACKO, bitmap and CSR by counting on the matrix itself, element by element."""
    stored = 0
    for row in dense:
        previous = -1
        for column in np.flatnonzero(row):
            stored += (column - previous - 1) // 16 + 1
            previous = column
    rows, cols = dense.shape
    nnz = np.count_nonzero(dense)
    return {
        "macko": stored * (value_bits + 4) + 32 * rows,
        "bitmap": nnz * value_bits + rows * (64 * -(-cols // 64) + 32),
        "csr16": nnz * (value_bits + 16) + 32 * rows,
        "csr32": nnz * (value_bits + 32) + 32 * rows,
    }


@pytest.mark.parametrize(
    ("curve", "at_half", "at_fifth", "at_tenth"),
    [
        (theory.macko_best, 0.625, 0.250, 0.125),
        (theory.macko, 0.625, 0.257, 0.153),
        (theory.macko_worst, 0.664, 0.312, 0.195),
        (theory.csr32, 1.5, 0.6, 0.3),
        (theory.csr16, 1.0, 0.4, 0.2),
        (theory.bitmap, 0.5625, 0.2625, 0.1625),
        (theory.entropy_limit, 0.5625, 0.245, 0.129),
    ],
)
def test_curves_give_the_worked_numbers_for_16_bit_values(curve, at_half, at_fifth, at_tenth):
    found = curve(np.array([0.5, 0.2, 0.1]), value_bits=16, cols=LONG)
    np.testing.assert_allclose(found, [at_half, at_fifth, at_tenth], atol=6e-4)


@pytest.mark.parametrize("density", [0.5, 0.2, 0.05, 0.01])
@pytest.mark.parametrize("cols", [300, 8192])
def test_curves_agree_with_matrices_drawn_at_random(density, cols):
    dense = np.random.default_rng(7).random((2_000_000 // cols, cols)) < density
    size = dense.size * 16
    for name, bits in encoded_bits(dense).items():
        expected = float(getattr(theory, name)(density, value_bits=16, cols=cols))
        assert bits / size == pytest.approx(expected, rel=0.015), name


@pytest.mark.parametrize("cols", [1, 300, 8192])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_curves_of_quantised_weights_are_their_packed_bytes(cols, dtype):
    dense = np.ones((4, cols), dtype)
    for name, curve in (("dense-int8", theory.dense_int8), ("dense-int4", theory.dense_int4)):
        share = resolve(name).pack(dense).nbytes / dense.nbytes
        assert curve(0.3, value_bits=8 * dense.itemsize, cols=cols) == pytest.approx(share), name


def test_long_rows_of_macko_follow_the_formula_of_the_paper():
    d = np.array([0.5, 0.1, 0.02])
    z = (1 - d) ** 16
    np.testing.assert_allclose(
        theory.macko(d, cols=LONG), d / (1 - z) * 20 / 16, rtol=1e-4, atol=3e-6
    )


def test_zeros_after_the_last_non_zero_are_free():
    long = theory.macko(0.01, cols=LONG) - 32 / (16 * LONG)
    short = theory.macko(0.01, cols=8192) - 32 / (16 * 8192)
    assert 0.98 < short / long < 0.995


def test_in_a_row_of_17_columns_only_the_last_can_cost_padding():
    d = 0.05
    stored = d + d * (1 - d) ** 16 / 17
    assert theory.macko(d, cols=17) == pytest.approx(stored * 20 / 16 + 32 / (16 * 17))


def test_an_empty_matrix_costs_only_row_pointers_and_masks():
    pointers = 32 / (16 * 1024)
    for curve in (theory.macko, theory.csr16, theory.csr32):
        assert curve(0.0, cols=1024) == pytest.approx(pointers)
    assert theory.bitmap(0.0, cols=1024) == pytest.approx(pointers + 1 / 16)
    assert theory.entropy_limit(0.0, cols=1024) == 0


def test_a_full_matrix_needs_no_bits_for_places():
    assert theory.entropy_limit(1.0) == 1


def test_a_bitmap_pays_for_whole_words():
    one_more = theory.bitmap(0.0, cols=65) * 65 - theory.bitmap(0.0, cols=64) * 64
    assert one_more == pytest.approx(64 / 16)


def test_32_bit_values_halve_the_share_of_the_indices():
    assert theory.csr32(0.5, value_bits=32, cols=LONG) == pytest.approx(1.0, abs=1e-4)


def test_nothing_goes_below_the_entropy_limit():
    d = np.linspace(0, 0.95, 96)
    for label, curve in theory.CURVES.items():
        assert (curve(d) >= theory.entropy_limit(d) - 1e-12).all(), label


def test_macko_breaks_even_with_dense_at_four_fifths_and_at_worst_at_59_of_75():
    assert theory.break_even(theory.macko, cols=LONG) == pytest.approx(0.8, abs=1e-4)
    assert theory.break_even(theory.macko_worst, cols=LONG) == pytest.approx(59 / 75, abs=1e-4)


def test_break_even_takes_another_target():
    assert theory.break_even(theory.macko, cols=LONG, target=0.5) == pytest.approx(0.4, abs=1e-3)


def test_row_pointers_alone_can_be_larger_than_dense():
    assert theory.break_even(theory.csr16, value_bits=16, cols=1) == 0.0


def test_break_even_is_one_when_even_the_full_matrix_is_small_enough():
    assert theory.break_even(theory.bitmap, target=2.0) == 1.0


def test_a_bitmap_is_smaller_than_macko_above_a_density_of_0_2331():
    below, above = np.array([0.2325]), np.array([0.2337])
    assert theory.bitmap(below, cols=LONG) > theory.macko(below, cols=LONG)
    assert theory.bitmap(above, cols=LONG) < theory.macko(above, cols=LONG)


def test_curves_keep_the_shape_of_their_input():
    for curve in theory.CURVES.values():
        assert curve(np.full((2, 3), 0.3)).shape == (2, 3)
        assert np.ndim(curve(0.3)) == 0
