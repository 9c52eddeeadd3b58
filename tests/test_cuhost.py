"""The host that runs the kernels must notice what a GPU would not forgive."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from cuhost.host_module import HERE, Launch, build, missing

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

NAMES = (
    "right",
    "lane_returns_first",
    "lanes_meet_in_two_places",
    "warp_waits_for_the_block",
    "part_of_a_mask",
    "no_barrier",
    "reads_past_the_end",
    "writes_before_the_start",
    "misaligned",
    "outside_of_shared",
    "reads_dynamic_before_writing",
    "one_past_dynamic_shared",
    "no_barrier_between_warps",
)


@cache
def module(sanitized):
    return build(Path(HERE, "misuse.cu"), NAMES, sanitized=sanitized)


def run(name, *, order=0, sanitized=False, threads=32):
    out = np.zeros(32, np.float32)
    launch = Launch(name, 1, threads, (out,), 0, order, shared=4 * threads)
    return module(sanitized).run([launch])[0]


@pytest.mark.parametrize("sanitized", [False, True])
@pytest.mark.parametrize("order", [0, 1, 2, 7])
def test_what_is_right_runs(order, sanitized):
    assert run("right", order=order, sanitized=sanitized).tolist() == [i ^ 1 for i in range(32)]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lane_returns_first", "waits for a lane that has returned"),
        ("lanes_meet_in_two_places", "lanes meet in different warp intrinsics"),
        ("warp_waits_for_the_block", "deadlock in block 0"),
        ("part_of_a_mask", "mask leaves out lanes"),
    ],
)
def test_lanes_that_cannot_meet_are_named(name, message):
    with pytest.raises(RuntimeError, match=message):
        run(name)


def test_a_missing_barrier_shows_in_the_order_of_lanes():
    assert not np.array_equal(run("no_barrier", order=0), run("no_barrier", order=1))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("reads_past_the_end", "heap-buffer-overflow"),
        ("writes_before_the_start", "heap-buffer-overflow"),
        ("misaligned", "misaligned address"),
        ("outside_of_shared", "out of bounds"),
        ("one_past_dynamic_shared", "heap-buffer-overflow"),
    ],
)
def test_a_sanitizer_ends_a_wrong_access_and_names_the_line(name, message):
    with pytest.raises(RuntimeError, match=f"(?s){message}.*misuse.cu|misuse.cu.*{message}"):
        run(name, sanitized=True)


def test_dynamic_shared_memory_is_nan_until_it_is_written():
    assert np.isnan(run("reads_dynamic_before_writing")).all()


def test_a_missing_barrier_between_warps_shows_when_one_runs_as_far_as_it_gets():
    right = np.arange(32)
    assert np.array_equal(run("no_barrier_between_warps", order=0, threads=64), right)
    assert np.isnan(run("no_barrier_between_warps", order=2, threads=64)).all()
