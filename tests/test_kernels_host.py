"""The CUDA kernels' own source, compiled for the CPU, on the battery; a GPU is not needed."""

from __future__ import annotations

from functools import cache

import pytest
from cuhost.host_module import build, missing
from kernel_cells import cells, wrong
from kernel_table import BATCHES, KERNELS, SPARSE

WITH_POINTERS = (*SPARSE, *(name for name in KERNELS if name.startswith("macko_fast")))
KINDS = [(name, dtype) for name in KERNELS for dtype in KERNELS[name].dtypes]

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

BACKWARD, BY_WARPS, SHUFFLED = 1, 2, 7


@cache
def module(name, sanitized):
    return build(KERNELS[name].file, KERNELS[name].variants(), sanitized=sanitized)


@pytest.mark.parametrize(("name", "dtype"), KINDS)
def test_a_kernel_multiplies_right(name, dtype):
    assert not wrong(module(name, sanitized=False), cells(name, [dtype], BATCHES))


@pytest.mark.parametrize("order", [BACKWARD, BY_WARPS, SHUFFLED])
@pytest.mark.parametrize("name", KERNELS)
def test_the_order_of_the_lanes_changes_nothing(name, order):
    assert not wrong(module(name, sanitized=False), cells(name, ["float16"], [1, 4]), order)


@pytest.mark.parametrize(("name", "dtype"), KINDS)
def test_a_kernel_stays_inside_its_arrays(name, dtype):
    narrow = [cell for cell in cells(name, [dtype], BATCHES) if cell.packed.shape[1] < 5000]
    assert not wrong(module(name, sanitized=True), narrow, SHUFFLED)


@pytest.mark.parametrize("name", WITH_POINTERS)
def test_row_pointers_may_be_of_64_bits(name):
    assert not wrong(module(name, sanitized=True), cells(name, ["float16"], [1], origin=0))


@pytest.mark.parametrize("name", WITH_POINTERS)
def test_entries_may_lie_beyond_32_bits(name):
    far = cells(name, ["float16"], [1, 2], ["some rows empty"], origin=2**33)
    assert not wrong(module(name, sanitized=False), far)


@pytest.mark.parametrize("name", WITH_POINTERS)
def test_row_pointers_of_32_bits_may_count_as_far_as_they_can(name):
    matrix = "rows of every length"
    stored = int(cells(name, ["float16"], [1], [matrix])[0].packed.arrays["row_pointers"][-1])
    last = cells(name, ["float16"], [1], [matrix], origin=(2**31 - 1 - stored) // 8 * 8)
    assert last[0].packed.arrays["row_pointers"][-1] == 2**31 - 1
    assert not wrong(module(name, sanitized=False), last)
