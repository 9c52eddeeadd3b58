"""How rows are shared out among threads."""

from __future__ import annotations

import numpy as np
import pytest
from host_target import HostTarget, product, vectors, worst_error
from test_formats import EVERY, heavy_row, stored

from spmvbench.cpu.launch import row_work, shares
from spmvbench.cpu.simd import dispatch, workers
from spmvbench.formats import resolve


def divided(pointers, parts, row_cost):
    return shares(row_work(pointers, row_cost), parts)


def work(pointers, bounds, row_cost):
    return np.diff(pointers[bounds] + row_cost * bounds)


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_parts_differ_by_less_than_two_rows_of_work(parts):
    counts = np.random.default_rng(5).integers(0, 100, 400)
    pointers = np.concatenate([[0], np.cumsum(counts)])
    found = work(pointers, divided(pointers, parts, row_cost=10), 10)
    assert found.max() - found.min() < 2 * (100 + 10)


def test_every_row_belongs_to_one_part():
    bounds = divided(np.array([0, 900, 900, 901, 902]), 3, row_cost=1)
    assert (bounds[0], bounds[-1]) == (0, 4)
    assert (np.diff(bounds) >= 0).all()


def test_a_heavy_row_has_a_part_for_itself():
    assert divided(np.array([0, 1000, 1001, 1002]), 2, row_cost=1).tolist() == [0, 1, 3]


def test_empty_rows_are_shared_out_too():
    assert divided(np.zeros(101, np.int32), 2, row_cost=16).tolist() == [0, 50, 100]


def test_no_rows_are_no_work_for_anyone():
    assert divided(np.zeros(1, np.int32), 2, row_cost=16).tolist() == [0, 0, 0]


def test_small_work_is_not_divided_and_large_work_by_no_more_than_the_threads():
    milliseconds = 1e6
    assert workers(2, 0.05 * milliseconds) == 1
    assert workers(2, 0.1 * milliseconds) == 2
    assert workers(8, 0.25 * milliseconds) == 5
    assert workers(8, 50 * milliseconds) == 8


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("batch", [1, 3])
def test_divided_rows_make_the_same_product(name, threads, batch, monkeypatch):
    monkeypatch.setattr(dispatch, "PART_NS", 0)
    dense, x = heavy_row(), vectors(3000, batch)
    fmt = resolve(name)
    packed = fmt.pack(dense)
    y = product(fmt, packed, x, threads=threads)
    assert worst_error(y, stored(fmt, packed, dense), x) <= 1


def test_a_product_can_be_repeated_in_threads(monkeypatch):
    """The counters of the chunks begin anew each time."""
    monkeypatch.setattr(dispatch, "PART_NS", 0)
    dense, x = heavy_row(), vectors(3000)
    target = HostTarget(2)
    matvec = resolve("macko").plan(resolve("macko").pack(dense), target)
    for _ in range(20):
        y = np.full(dense.shape[0], np.nan, np.float32)
        matvec(target.put(x), y)
        assert worst_error(y, dense, x) <= 1
