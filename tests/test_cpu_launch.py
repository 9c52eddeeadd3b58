"""How rows are shared out among threads."""

from __future__ import annotations

import numpy as np
import pytest
from host_target import product, vectors, worst_error
from test_formats import NAMES, heavy_row

from spmvbench.cpu.launch import row_bounds
from spmvbench.cpu.simd import dispatch, parts
from spmvbench.formats import resolve


def work(pointers, bounds, row_cost):
    return np.diff(pointers[bounds] + row_cost * bounds)


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_parts_differ_by_less_than_two_rows_of_work(parts):
    counts = np.random.default_rng(5).integers(0, 100, 400)
    pointers = np.concatenate([[0], np.cumsum(counts)])
    shares = work(pointers, row_bounds(pointers, parts, row_cost=10), 10)
    assert shares.max() - shares.min() < 2 * (100 + 10)


def test_every_row_belongs_to_one_part():
    bounds = row_bounds(np.array([0, 900, 900, 901, 902]), 3, row_cost=1)
    assert (bounds[0], bounds[-1]) == (0, 4)
    assert (np.diff(bounds) >= 0).all()


def test_a_heavy_row_has_a_part_for_itself():
    assert row_bounds(np.array([0, 1000, 1001, 1002]), 2, row_cost=1).tolist() == [0, 1, 3]


def test_empty_rows_are_shared_out_too():
    assert row_bounds(np.zeros(101, np.int32), 2, row_cost=16).tolist() == [0, 50, 100]


def test_no_rows_are_no_work_for_anyone():
    assert row_bounds(np.zeros(1, np.int32), 2, row_cost=16).tolist() == [0, 0, 0]


def test_small_work_is_not_divided_and_large_work_by_no_more_than_the_threads():
    milliseconds = 1e6
    assert parts(2, 0.1 * milliseconds) == 1
    assert parts(2, 0.2 * milliseconds) == 2
    assert parts(8, 0.5 * milliseconds) == 5
    assert parts(8, 50 * milliseconds) == 8


@pytest.mark.parametrize("name", NAMES)
def test_divided_rows_make_the_same_product(name, monkeypatch):
    monkeypatch.setattr(dispatch, "PART_NS", 0)
    dense, x = heavy_row(), vectors(3000)
    fmt = resolve(name)
    assert worst_error(product(fmt, fmt.pack(dense), x, threads=2), dense, x) <= 1
