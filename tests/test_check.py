"""The checker's own tests: right results pass, one wrong value anywhere does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spmvbench.check import BLOCK, check, expect, judge
from spmvbench.formats.base import Precision
from spmvbench.problems import Problem, build, vector

FP32 = Precision("float16", "float32", "float32", "float32")
FP16 = Precision("float16", "float16", "float32", "float16")


def make(rows, cols, density=0.5, dtype="float16", batch=1):
    problem = Problem(rows, cols, density, dtype=dtype, batch=batch)
    return build(problem), vector(problem, 0).reshape(cols, batch)


def product(dense, *, dtype=np.float32):
    a = dense.astype(dtype)
    return lambda x: (a @ x.astype(dtype)).astype(np.float64)


def faulty(dense, row, column, factor):
    """A product in which one value counts `factor` times."""
    a = dense.astype(np.float32)
    a[row, column] *= factor
    return lambda x: (a @ x).astype(np.float64)


def shifted(dense, row, column, by):
    a = dense.astype(np.float32)
    a[row, column + by], a[row, column] = a[row, column], a[row, column + by]
    return lambda x: (a @ x).astype(np.float64)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("cols", [1, 511, 512, 513, 3000])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_float32_product_is_within_its_bound(dtype, cols, batch):
    dense, x = make(20, cols, dtype=dtype, batch=batch)
    assert check(product(dense), dense, x, expect(dense, x)[0], FP32).share <= 1


def test_the_order_of_summation_does_not_matter():
    dense, x = make(20, 3000)
    backwards = dense[:, ::-1].astype(np.float32)
    fault = check(
        lambda v: (backwards @ v[::-1]).astype(np.float64), dense, x, expect(dense, x)[0], FP32
    )
    assert fault.share <= 1


@pytest.mark.parametrize("roundings", [1, 2])
def test_a_rounding_by_a_scale_widens_the_bound_as_one_more_term_does(roundings):
    dense, x = make(5, 7, density=1.0, dtype="float32")
    whole = expect(dense * np.float32(np.pi), x)[0][0]
    longer = replace(whole, terms=whole.terms + roundings)
    scaled = replace(FP32, roundings=roundings)
    np.testing.assert_array_equal(whole.bound(scaled), longer.bound(FP32))


def test_y_stored_in_float16_is_within_its_bound():
    dense, x = make(20, 3000)
    a = dense.astype(np.float32)
    rounded = lambda v: (a @ v).astype(np.float16).astype(np.float64)  # noqa: E731
    assert 0 < check(rounded, dense, x, expect(dense, x)[0], FP16).share <= 1


@pytest.mark.parametrize("factor", [0, 2, -1])
@pytest.mark.parametrize("cols", [300, 384, 6144, 12288])
def test_one_value_dropped_doubled_or_negated_is_found_with_its_place(cols, factor):
    dense, x = make(5, cols)
    column = int(np.flatnonzero(dense[3])[-7])
    fault = check(faulty(dense, 3, column, factor), dense, x, expect(dense, x)[0], FP32)
    assert fault.share > 1
    assert (fault.row, fault.column) == (3, column)
    assert fault.expected == float(dense[3, column]) * float(x[column, 0])


def test_every_single_drop_in_a_row_of_12288_is_found():
    dense, x = make(1, 12288)
    expected = expect(dense, x)[0]
    columns = np.flatnonzero(dense[0])
    missed = 0
    for column in columns[:: len(columns) // 200]:
        y = expected[1 + column // BLOCK].y.copy()
        y[0] -= float(dense[0, column]) * x[column]
        missed += judge(y, expected[1 + column // BLOCK], FP32).share <= 1
    assert missed == 0


def test_the_whole_row_alone_would_miss_drops_in_a_row_of_12288():
    dense, x = make(1, 12288, density=1.0)
    whole = expect(dense, x)[0][0]
    smallest = int(np.argmin(abs(dense[0].astype(np.float64) * x[:, 0])))
    y = whole.y - float(dense[0, smallest]) * x[smallest]
    assert judge(y, whole, FP32).share <= 1


def test_a_value_shifted_to_the_next_column_is_found():
    dense, x = make(5, 4096)
    column = next(c for c in range(100, 4096) if dense[2, c] and x[c] != x[c + 1])
    fault = check(shifted(dense, 2, column, 1), dense, x, expect(dense, x)[0], FP32)
    assert fault.share > 1
    assert fault.row == 2


def test_a_drop_in_a_matrix_off_the_grid_is_judged_by_the_rounding_bound():
    dense, x = make(5, 384, dtype="float32")
    dense = dense * np.float32(np.pi)
    expected = expect(dense, x)[0]
    assert check(product(dense), dense, x, expected, FP32).share <= 1
    assert check(faulty(dense, 1, 50, 0), dense, x, expected, FP32).share > 1 or not dense[1, 50]


def test_an_entry_of_y_that_is_not_written_is_wrong():
    dense, x = make(5, 100)
    whole = expect(dense, x)[0][0]
    y = whole.y.copy()
    y[4] = np.nan
    fault = judge(y, whole, FP32)
    assert fault.share == np.inf
    assert fault.row == 4


def test_nan_and_inf_in_a_must_come_out_as_such():
    dense, x = make(4, 700)
    dense[1, 600], dense[2, 3] = np.nan, np.inf
    expected = expect(dense, x)[0]
    quiet = np.errstate(invalid="ignore")
    with quiet:
        assert check(product(dense), dense, x, expected, FP32).share <= 1
        assert check(product(np.nan_to_num(dense)), dense, x, expected, FP32).share == np.inf


def test_a_wrong_row_below_a_row_with_inf_is_named():
    dense, x = make(4, 700)
    dense[1, 600] = np.inf
    column = int(np.flatnonzero(dense[3])[0])
    with np.errstate(invalid="ignore"):
        fault = check(faulty(dense, 3, column, 0), dense, x, expect(dense, x)[0], FP32)
    assert (fault.row, fault.column) == (3, column)


def test_a_fault_that_only_the_whole_product_shows_has_no_column():
    dense, x = make(5, 1024)
    right = product(dense)
    fault = check(
        lambda v: right(v) + (1 if np.count_nonzero(v) == 1024 else 0),
        dense,
        x,
        expect(dense, x)[0],
        FP32,
    )
    assert fault.share > 1
    assert fault.column is None


def test_the_wrong_column_of_a_batch_is_named():
    dense, x = make(5, 100, batch=3)
    whole = expect(dense, x)[0][0]
    y = whole.y.copy()
    y[2, 1] += 1
    assert "column 1 of x" in str(judge(y, whole, FP32))


def test_no_columns_and_all_zeros_must_give_zero():
    for dense in (np.zeros((5, 0), np.float16), np.zeros((5, 9), np.float16)):
        x = np.ones((dense.shape[1], 1), np.float32)
        whole = expect(dense, x)[0][0]
        assert judge(np.zeros((5, 1)), whole, FP32).share == 0
        assert judge(np.full((5, 1), 1e-30), whole, FP32).share > 1


def test_row_chunks_do_not_change_what_is_expected(monkeypatch):
    dense, x = make(40, 600)
    whole = expect(dense, x, [x])
    monkeypatch.setattr("spmvbench.check.CHUNK", 600 * 7)
    pieces = expect(dense, x, [x])
    for one, other in zip(whole[0] + whole[1], pieces[0] + pieces[1], strict=True):
        np.testing.assert_array_equal(one.y, other.y)
        np.testing.assert_array_equal(one.terms, other.terms)
