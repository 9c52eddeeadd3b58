"""Chunks: every element once, in order, in pieces that fit the cache."""

from __future__ import annotations

import threading

import pytest

from spmvbench.problems import chunks as module
from spmvbench.problems.chunks import CHUNK, WHOLE_ROW, chunks, in_threads

SHAPES = [
    (1, 1),
    (1, CHUNK),
    (3, CHUNK - 1),
    (3, CHUNK + 1),
    (3, WHOLE_ROW),
    (3, WHOLE_ROW + 1),
    (2, 2 * WHOLE_ROW + 5),
    (1000, 333),
]


@pytest.mark.parametrize(("rows", "cols"), SHAPES)
@pytest.mark.parametrize("align", [1, 3, 256])
def test_chunks_follow_on_each_other_from_the_first_element_to_the_last(rows, cols, align):
    made = list(chunks(range(rows), cols, align))
    assert [chunk.start for chunk in made] == [0, *(chunk.stop for chunk in made[:-1])]
    assert made[-1].stop == rows * cols


@pytest.mark.parametrize(("rows", "cols"), SHAPES)
def test_a_chunk_is_small_or_one_whole_row(rows, cols):
    for chunk in chunks(range(rows), cols):
        assert chunk.stop - chunk.start <= CHUNK or chunk.shape == (1, cols)
        assert chunk.stop - chunk.start <= WHOLE_ROW


@pytest.mark.parametrize("align", [1, 3, 256])
def test_a_wide_row_is_cut_between_groups(align):
    assert {chunk.col % align for chunk in chunks(range(2), 2 * WHOLE_ROW, align)} == {0}


def test_rows_from_the_middle_keep_their_places():
    (chunk,) = chunks(range(5, 8), 10)
    assert (chunk.start, chunk.stop, chunk.rows) == (50, 80, slice(5, 8))


@pytest.mark.parametrize(("rows", "cols"), [(0, 4), (4, 0), (0, 0), (0, WHOLE_ROW + 1)])
def test_no_elements_are_no_chunks(rows, cols):
    assert list(chunks(range(rows), cols)) == []


def test_results_of_threads_come_in_the_order_of_the_items(monkeypatch):
    monkeypatch.setattr(module, "threads", lambda: 2)
    both_run = threading.Barrier(2, timeout=30)
    assert in_threads(lambda item: (both_run.wait(), item)[1], [3, 1]) == [3, 1]


def test_an_error_in_a_thread_is_raised():
    with pytest.raises(ZeroDivisionError):
        in_threads(lambda item: 1 // item, [1, 1, 0, 1])


def test_threads_are_between_one_and_the_limit():
    assert 1 <= module.threads() <= module.MAX_THREADS
