"""How rows are dealt to slabs, and how many blocks share a multiprocessor."""

from __future__ import annotations

import numpy as np
import pytest
from test_formats import uniform

from spmvbench import theory
from spmvbench.cuda.launch import Limits
from spmvbench.formats import resolve, slab_bitmap
from spmvbench.formats.slab import Cut
from spmvbench.slabs import launches, offsets_of, order_of_rows, rows_of_slab, warps_of_slab

H200 = Limits(132, 227 << 10)
KIB = 1 << 10


@pytest.mark.parametrize(
    ("rows", "how"),
    [(2047, (8, 16)), (2048, (16, 16)), (4096, (32, 16)), (8191, (32, 16)), (8192, (32, 8))],
)
def test_few_rows_are_few_in_a_slab(rows, how):
    assert (rows_of_slab(rows), warps_of_slab(rows)) == how


def blocks(slabs, warps, shared_bytes):
    """Of a multiprocessor, and which itemsize of x was taken. Shared memory: of each itemsize."""
    best = launches(slabs, warps, H200, ((4, 1), (2, 1)), lambda size, _: shared_bytes[size])[0]
    return best.blocks, best.itemsize


@pytest.mark.parametrize(
    ("slabs", "warps", "each"),
    [
        (256, 8, 2),  # 8192 rows
        (344, 8, 3),  # 11008: all at once; with 4, too, but with less in flight a lane
        (448, 8, 4),
        (3000, 8, 2),
        (128, 16, 1),
        (192, 16, 2),
    ],
)
def test_all_slabs_are_at_work_at_once_where_that_is_possible(slabs, warps, each):
    assert blocks(slabs, warps, {4: 16 * KIB, 2: 8 * KIB}) == (each, 4)


def test_two_turns_of_264_leave_less_idle_than_two_of_396():
    assert blocks(448, 8, {4: 70 * KIB, 2: 70 * KIB}) == (2, 4)


@pytest.mark.parametrize(("slabs", "as_float"), [(128, 4), (256, 2), (3000, 2)])
def test_x_as_float_costs_no_block(slabs, as_float):
    assert blocks(slabs, 8, {4: 120 * KIB, 2: 60 * KIB}) == (2, as_float)


def test_what_fits_on_no_multiprocessor_is_not_launched():
    assert launches(10, 8, H200, ((4, 1),), lambda size, _: 228 * KIB) == []
    (best, *_) = launches(10, 8, H200, ((4, 1),), lambda size, _: 227 * KIB)
    assert (best.blocks, best.grid) == (2, 10)


def test_bits_of_a_second_slab_are_for_blocks_that_have_one():
    def buffers(slabs):
        return launches(slabs, 8, H200, ((4, 2), (4, 1)), lambda size, _: KIB)[0].buffers

    assert (buffers(264), buffers(3000)) == (1, 2)


def test_a_multiprocessor_holds_as_many_blocks_as_its_shared_memory_is_for():
    assert [H200.blocks(kib * KIB) for kib in (227, 113, 112, 75, 74, 56)] == [1, 2, 2, 3, 3, 4]
    assert [H200.blocks(kib * KIB + 1) for kib in (113, 75, 56)] == [1, 2, 3]


def test_rows_go_to_slabs_by_length_equal_ones_as_they_come():
    assert order_of_rows(np.array([1, 3, 0, 3])).tolist() == [1, 3, 0, 2]


def test_groups_of_a_warp_begin_at_multiples_of_four():
    offsets, stored = offsets_of("slab4", np.array([[5, 0], [4, 1]]))
    assert (offsets.tolist(), stored) == ([[0, 8], [8, 12]], 16)
    assert offsets.dtype == np.uint32


def test_more_groups_than_offsets_count_are_refused():
    with pytest.raises(ValueError, match="slab4: 4,294,967,296 groups of entries"):
        offsets_of("slab4", np.array([[2**32 - 4, 4]]))


SHARES_OF_8192_ROWS = Cut(32, 8)
WORDS_OF_8192_COLUMNS = 32


@pytest.mark.parametrize("density", [0.05, 0.08, 0.12, 0.17, 0.2, 0.23, 0.26, 0.28, 0.3, 0.5, 0.9])
def test_the_smallest_is_near_the_entropy_limit_at_every_density(monkeypatch, density):
    dense = uniform(256, 8192, density)
    monkeypatch.setattr("spmvbench.formats.slab.cut", lambda shape: SHARES_OF_8192_ROWS)
    of_bitmap = slab_bitmap.Cut(32, 8, 8, WORDS_OF_8192_COLUMNS)
    monkeypatch.setattr("spmvbench.formats.slab_bitmap.cut", lambda shape: of_bitmap)
    names = ("slab4", "slab5", "slab6", "slab-bitmap")
    smallest = min(resolve(name).pack(dense).nbytes for name in names) / dense.nbytes
    limit = float(theory.entropy_limit(np.count_nonzero(dense) / dense.size))
    assert smallest < limit * (1.06 if density >= 0.2 else 1.09)
