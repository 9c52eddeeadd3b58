"""What dense-int8 and dense-int4 keep of a matrix, and that products are of what they keep."""

from __future__ import annotations

from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest
from host_target import product, vectors, worst_error
from test_formats import uniform

from spmvbench.check import expect, judge
from spmvbench.cpu.quantised import CHUNK
from spmvbench.dtypes import DTYPES
from spmvbench.formats import resolve

NAMES = ("dense-int8", "dense-int4")
TYPES = ("float16", "bfloat16", "float32")
RUN = {"dense-int8": 300, "dense-int4": 128}
"""Columns that share a scale, in a matrix of 300."""


def kept(name, dense):
    fmt = resolve(name)
    return fmt.unpack(fmt.pack(dense))


def scale_of_each(name, dense):
    """The scale of each element, in float64. Shape: that of `dense`."""
    scales = resolve(name).pack(dense).arrays["scales"].astype(np.float64)
    return np.repeat(scales.reshape(len(dense), -1), RUN[name], axis=1)[:, : dense.shape[1]]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", TYPES)
def test_an_element_is_off_by_half_a_scale_at_most(name, dtype):
    dense = uniform(40, 300, 0.7, dtype)
    off = abs(kept(name, dense) - dense.astype(np.float64))
    assert (off <= scale_of_each(name, dense) * (0.5 + 1e-5)).all()
    assert off.max() > 0.4 * scale_of_each(name, dense).max()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", TYPES)
def test_what_is_kept_is_kept_again(name, dtype):
    once = kept(name, uniform(9, 300, 0.5, dtype)).astype(DTYPES[dtype])
    again = kept(name, once)
    assert np.allclose(again, once.astype(np.float64), rtol=0.01, atol=0)


@pytest.mark.parametrize(("name", "most"), [("dense-int8", 127), ("dense-int4", 7)])
@pytest.mark.parametrize("dtype", TYPES)
def test_the_largest_magnitude_is_the_largest_integer_and_its_negative_the_smallest(
    name, most, dtype
):
    row = np.zeros((1, 300), DTYPES[dtype])
    row[0, [3, 4, 5]] = 0.75, -0.75, 0.25
    units = kept(name, row)[0, [3, 4, 5]] / scale_of_each(name, row)[0, 0]
    assert units.tolist() == [most, -most, round(most / 3)]


@pytest.mark.parametrize("dtype", TYPES)
def test_a_row_of_int8_is_scaled_by_itself_alone(dtype):
    dense = uniform(3, 300, 1, dtype)
    louder = dense.copy()
    louder[1] *= 64
    one, other = kept("dense-int8", dense), kept("dense-int8", louder)
    assert np.array_equal(one[[0, 2]], other[[0, 2]])
    assert np.array_equal(64 * one[1], other[1])


def test_a_group_of_int4_is_scaled_by_itself_alone():
    dense = uniform(2, 300, 1)
    louder = dense.copy()
    louder[0, 128:256] *= 64
    one, other = kept("dense-int4", dense), kept("dense-int4", louder)
    assert np.array_equal(64 * one[0, 128:256], other[0, 128:256])
    one[0, 128:256] = other[0, 128:256]
    assert np.array_equal(one, other)


@pytest.mark.parametrize("cols", [1, 15, 16, 17, 127, 128, 129, 300])
def test_nibble_s_of_word_i_is_column_16_s_plus_i_and_none_past_the_matrix(cols):
    dense = np.ones((1, cols), np.float16) * -7
    words = resolve("dense-int4").pack(dense).arrays["values"].reshape(-1, 16)
    slots, lanes = np.arange(8, dtype=np.uint32)[:, None], np.arange(16)
    nibbles = [(group[lanes] >> 4 * slots & 15).ravel() for group in words]
    assert np.concatenate(nibbles).tolist() == [1] * cols + [8] * (-cols % 128)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
def test_nan_or_inf_makes_nan_of_all_that_shares_its_scale_and_of_nothing_else(name, strange):
    dense = uniform(3, 300, 0.5)
    dense[1, 5] = strange
    nan = np.zeros(dense.shape, bool)
    nan[1, : RUN[name]] = True
    assert np.array_equal(np.isnan(kept(name, dense)), nan)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("batch", [1, 3])
def test_nan_of_a_scale_comes_out_of_the_product_where_x_is_zero_too(name, batch):
    dense = uniform(4, 300, 0.5)
    dense[2, 7] = np.inf
    fmt, x = resolve(name), vectors(300, batch)
    x[:128] = 0
    with np.errstate(invalid="ignore"):
        y = product(fmt, fmt.pack(dense), x).reshape(4, -1)
    assert np.isnan(y).all(axis=1).tolist() == [False, False, True, False]
    assert np.isfinite(y[[0, 1, 3]]).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", TYPES)
def test_zeros_of_either_sign_have_the_scale_zero_and_stay_zeros(name, dtype):
    dense = np.zeros((2, 300), DTYPES[dtype])
    dense[1] = -0.0
    packed = resolve(name).pack(dense)
    assert not packed.arrays["scales"].any()
    assert not resolve(name).unpack(packed).any()
    assert not product(resolve(name), packed, vectors(300)).any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("units", [1, 2, 3, 4, 200])
def test_subnormals_are_off_by_four_of_the_smallest_at_most(name, dtype, units):
    dense = np.zeros((1, 300), DTYPES[dtype])
    smallest = np.nextafter(DTYPES[dtype].type(0), DTYPES[dtype].type(1)).astype(np.float64)
    dense[0, :3] = np.array([units, -units, 1]) * smallest
    assert (abs(kept(name, dense) - dense.astype(np.float64)) <= 4 * smallest).all()


@pytest.mark.parametrize(
    ("name", "dtype", "units", "most"),
    [("dense-int4", "float16", 10, 7), ("dense-int8", "float32", 190, 127)],
)
def test_an_element_too_large_for_a_scale_that_was_rounded_down_is_cut_off(
    name, dtype, units, most
):
    """The scale is the smallest subnormal: 10 / 7 and 190 / 127 of it are rounded to 1."""
    smallest = np.nextafter(DTYPES[dtype].type(0), DTYPES[dtype].type(1))
    dense = np.full((1, 1), units, DTYPES[dtype]) * smallest
    assert kept(name, -dense).tolist() == [[-most * float(smallest)]]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", TYPES)
def test_the_largest_values_stay_finite_in_float32(name, dtype):
    largest = float(ml_dtypes.finfo(DTYPES[dtype]).max)
    dense = np.array([[largest, -largest], [largest / 2, largest]]).astype(DTYPES[dtype])
    with np.errstate(over="raise"):
        floats = kept(name, dense).astype(np.float32)
    assert np.isfinite(floats).all()
    assert np.allclose(floats[0], dense[0].astype(np.float64), rtol=0.01)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", TYPES)
def test_values_of_every_size_are_multiplied_within_rounding(name, dtype):
    largest = {"float16": 15, "bfloat16": 100, "float32": 100}[dtype]
    powers = np.linspace(-largest, largest, 41)
    dense = (uniform(41, 300, 0.8, "float32") * 2.0 ** powers[:, None]).astype(DTYPES[dtype])
    fmt, x = resolve(name), vectors(300)
    packed = fmt.pack(dense)
    assert worst_error(product(fmt, packed, x), fmt.unpack(packed), x) <= 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", TYPES)
def test_unpack_is_exact(name, dtype):
    """In the type it has, q times scale is not rounded: the scale comes back by a division."""
    dense = uniform(20, 300, 0.6, dtype)
    scales = scale_of_each(name, dense)
    found = kept(name, dense).astype(np.float64)
    units = np.rint(found / scales)
    assert np.array_equal(units * scales, found)


@pytest.mark.parametrize("name", NAMES)
def test_row_chunks_do_not_change_the_bytes(name, monkeypatch):
    dense = uniform(50, 300, 0.5)
    assert dense.size < CHUNK
    whole = resolve(name).pack(dense).arrays
    monkeypatch.setattr("spmvbench.cpu.quantised.CHUNK", 7 * 300)
    pieces = resolve(name).pack(dense)
    assert all(np.array_equal(whole[key], pieces.arrays[key]) for key in whole)
    assert np.array_equal(resolve(name).unpack(pieces), kept(name, dense))


@pytest.mark.parametrize("name", NAMES)
def test_a_matrix_wide_enough_to_share_x_among_rows_is_right_in_each_of_them(name):
    dense, x = uniform(11, 9001, 0.5), vectors(9001)
    fmt = resolve(name)
    packed = fmt.pack(dense)
    assert worst_error(product(fmt, packed, x), fmt.unpack(packed), x) <= 1


def one_term(name, rows=4000):
    """A row a term: y and what it must be. Below the grid, so that everything rounds."""
    dense = (np.random.default_rng(5).uniform(1, 2, (rows, 1)) * 2**-20).astype(np.float32)
    fmt, x = resolve(name), np.array([[1.1]], np.float32)
    packed = fmt.pack(dense)
    y = product(fmt, packed, x[:, 0])[:, None].astype(np.float64)
    return y, expect(fmt.unpack(packed), x)[0][0]


@pytest.mark.parametrize("name", NAMES)
def test_a_product_of_few_terms_is_right_only_if_the_scale_may_round_too(name):
    y, expected = one_term(name)
    precision = resolve(name).precision("float32", "cpu")
    assert judge(y, expected, precision).share <= 1
    assert judge(y, expected, replace(precision, roundings=0)).share > 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("factor", [0, 2])
def test_one_value_dropped_or_doubled_is_found_all_the_same(name, factor):
    dense, x = uniform(3, 512, 1), vectors(512)[:, None]
    matrix = kept(name, dense).astype(np.float64)
    spoiled = matrix.copy()
    column = int(np.argsort(abs(matrix[1] * x[:, 0]))[256])
    spoiled[1, column] *= factor
    fault = judge(spoiled @ x, expect(matrix, x)[0][0], resolve(name).precision("float16", "cpu"))
    assert fault.share > 1
    assert fault.row == 1


@pytest.mark.parametrize(("name", "values"), [("dense-int8", "int8"), ("dense-int4", "int4")])
def test_the_record_says_what_is_stored_and_that_it_is_lossy_and_dense(name, values):
    fmt = resolve(name)
    precision = fmt.precision("bfloat16", "cpu")
    types = (precision.values, precision.x, precision.accumulate, precision.y)
    assert types == (values, "float32", "float32", "float32")
    assert (fmt.dense, fmt.lossless) == (True, False)
