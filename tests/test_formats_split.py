"""Rows of `macko-fast` that several warps share: when, where their parts start, what comes out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cuhost.host_module import build
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_cells import MATRICES, cells
from kernel_table import KERNELS, starts_by_entry
from test_formats import uniform
from test_formats_fast import Target, excess

from spmvbench.battery import BATTERY
from spmvbench.formats import resolve
from spmvbench.formats.base import BESIDE, Packed
from spmvbench.formats.macko_fast import parts_of_rows, starts_of_parts

H200 = 132 * 32
"""Warps that are resident."""

PARTS = (2, 4, 8, 16, 32)


def longest(rows, steps, warps, parts):
    """The steps of the busiest warp."""
    return -(-rows * parts // warps) * -(-steps // parts)


@pytest.mark.parametrize(
    ("rows", "entries", "parts"),
    [
        (4096, 2048, 1),  # 97 % of the warps have a row
        (4096, 5504, 1),
        (12288, 6144, 1),
        (2048, 2048, 2),
        (1024, 2048, 4),
        (1024, 16384, 4),  # more would take more rounds
        (128, 16384, 32),
        (3, 16384, 32),
        (1, 2048, 4),  # no more than steps
        (1024, 503, 1),
        (1024, 767, 1),
        (1024, 769, 2),
        (4224, 2048, 1),
        (4225, 2048, 4),  # whole, one row would take a round of its own
        (5120, 6912, 2),
        (0, 0, 1),
        (9, 0, 1),
    ],
)
def test_rows_are_cut_where_warps_would_idle(rows, entries, parts):
    assert parts_of_rows(rows, rows * entries, H200) == parts


@given(rows=st.integers(1, 20_000), steps=st.integers(1, 200), multiprocessors=st.integers(1, 200))
def test_no_other_number_of_parts_is_much_better(rows, steps, multiprocessors):
    warps = 32 * multiprocessors
    parts = parts_of_rows(rows, rows * steps * 512, warps)
    possible = [p for p in (1, *PARTS) if p <= steps]
    best = min(longest(rows, steps, warps, p) for p in possible)
    assert parts in possible
    assert longest(rows, steps, warps, parts) <= best / 0.75
    assert all(longest(rows, steps, warps, p) > best for p in possible if p < parts)


@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize("matrix", ["rows of a few steps", "some rows empty", "a row of 12,288"])
def test_the_index_says_where_parts_start(fake_cupy, matrix, parts):
    packed = resolve("macko-fast").pack(MATRICES[matrix]("float16"))
    there = [fake_cupy.asarray(array) for array in packed.arrays.values()]
    index = starts_of_parts(parts, *there)
    np.testing.assert_array_equal(index.get(), starts_by_entry(packed, parts))


@given(
    lengths=st.lists(st.integers(0, 2600), min_size=1, max_size=12),
    parts=st.sampled_from(PARTS),
    seed=st.integers(0, 2**32 - 1),
)
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_rows_of_any_length_have_their_parts(fake_cupy, lengths, parts, seed):
    pointers = np.cumsum([0, *lengths], dtype=np.int32)
    stored = int(pointers[-1]) + -int(pointers[-1]) % 8
    deltas = np.random.default_rng(seed).integers(0, 256, stored // 2, np.uint8)
    arrays = {"values": np.zeros(stored, np.float16), "deltas": deltas, "row_pointers": pointers}
    index = starts_of_parts(parts, *map(fake_cupy.asarray, arrays.values()))
    expected = starts_by_entry(Packed((len(lengths), 0), "float16", arrays), parts)
    np.testing.assert_array_equal(index.get(), expected)


@pytest.fixture
def asked(fake_cupy, monkeypatch):
    """The kernels that are asked for, in order."""
    from spmvbench.cuda import launch, packing

    names = []

    def noted(module):
        compile_one = module.kernel
        monkeypatch.setattr(
            module, "kernel", lambda file, name: names.append(name) or compile_one(file, name)
        )

    noted(launch)
    noted(packing)
    return names


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("matrix", ["few long rows", "a row of 12,288", "65,537 columns"])
def test_few_long_rows_are_multiplied_in_parts(fake_cupy, asked, matrix, dtype):
    assert excess(fake_cupy, "macko-fast", BATTERY[matrix](dtype)) <= 1
    assert [name.partition("<")[0] for name in asked] == ["macko_fast_split", "macko_starts"][::-1]


@pytest.mark.parametrize("parts", PARTS)
def test_any_number_of_parts_gives_the_product(fake_cupy, monkeypatch, parts):
    monkeypatch.setattr("spmvbench.formats.macko_fast.parts_of_rows", lambda *asked: parts)
    for matrix in ("rows of a few steps", "rows of every length", "some rows empty", "no columns"):
        assert excess(fake_cupy, "macko-fast", MATRICES[matrix]("float16")) <= 1
    assert excess(fake_cupy, "macko-fast", np.zeros((0, 40), np.float16)) == 0


@pytest.mark.parametrize(
    ("spare", "kernel"),
    [
        (0, "macko_fast_split<__half, float, int>"),
        (-1, "macko_fast_split<__half, __half, int>"),
    ],
)
def test_the_sums_of_parts_have_room_beside_x(fake_cupy, monkeypatch, asked, spare, kernel):
    from spmvbench.cuda import launch

    facts = replace(launch.limits(), shared_bytes=4 * (3000 + 528) + 256 + spare)
    monkeypatch.setattr(launch, "limits", lambda: facts)
    assert excess(fake_cupy, "macko-fast", BATTERY["few long rows"]("float16")) <= 1
    assert asked == ["macko_starts<int>", kernel]


def planned(cupy, dense):
    fmt = resolve("macko-fast")
    return fmt.plan(fmt.pack(cupy.asarray(dense)), Target(cupy))


def test_what_the_product_reads_beside_the_packed_arrays_is_said(fake_cupy):
    split, whole = uniform(3, 5000, 0.9), uniform(3, 400, 0.9)
    assert getattr(planned(fake_cupy, split), BESIDE) == 3 * 8 * 4  # 9 steps, 8 parts
    assert getattr(planned(fake_cupy, whole), BESIDE) == 0


def test_arrays_on_the_device_are_planned_without_a_copy_to_the_host(fake_cupy, monkeypatch):
    fmt = resolve("macko-fast")
    packed = fmt.pack(fake_cupy.asarray(BATTERY["few long rows"]("float16")))
    monkeypatch.setattr(fake_cupy.ndarray, "get", None)
    assert getattr(fmt.plan(packed, Target(fake_cupy)), BESIDE) == 70 * 4 * 4


@pytest.mark.parametrize("name", ["macko_fast_split", "macko_fast_split-narrow"])
def test_a_sum_has_the_same_bits_whichever_warp_is_first(name):
    module = build(KERNELS[name].file, KERNELS[name].variants())
    (cell,) = cells(name, ["float16"], [1], ["few long rows"])
    launches = [next(cell.launches(order)) for order in (0, 1, 2, 7, 8)]
    first, *others = (y.tobytes() for y in module.run(launches))
    assert set(others) == {first}
