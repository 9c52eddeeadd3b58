"""Row pointers: how wide they are, and that they never overflow silently."""

from __future__ import annotations

import numpy as np
import pytest

from spmvbench.cpu.arrays import pointer_dtype, row_pointers

MOST = 2**31 - 1


@pytest.mark.parametrize(
    ("stored", "wanted"), [(0, np.int32), (MOST, np.int32), (MOST + 1, np.int64)]
)
def test_pointers_are_64_bits_wide_above_2_31_less_1_entries(stored, wanted):
    assert pointer_dtype(stored) == wanted


@pytest.mark.parametrize(("second", "wanted"), [(MOST - 5, np.int32), (MOST - 4, np.int64)])
def test_row_pointers_never_overflow(second, wanted):
    pointers = row_pointers(np.array([5, second]))
    assert pointers.dtype == wanted
    assert pointers.tolist() == [0, 5, 5 + second]


def test_no_rows_have_one_pointer():
    assert row_pointers(np.zeros(0, np.int64)).tolist() == [0]
