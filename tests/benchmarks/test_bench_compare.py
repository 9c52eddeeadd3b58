"""How long it takes to compare 20,000 rows a side; and, always run, that it stays in proportion."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import pytest
from results_folders import rows, write

from spmvbench.compare import Options, compare, read_side, render


def folder_of(path, count):
    """A results folder with that many cases."""
    copies = -(-count // 12)
    many = [replace(r, key=f"{r.key}-{i}") for i in range(copies) for r in rows()]
    return write(path / str(count), many[:count])


def compared(folder):
    found = compare(read_side([folder]), read_side([folder]), Options())
    return found, render(found, "text")


@pytest.mark.parametrize("count", [200, 20_000])
def test_compare(benchmark, tmp_path, count):
    found, _ = benchmark(compared, folder_of(tmp_path, count))
    assert len(found.lines) == count


def test_comparing_four_times_the_cases_takes_at_most_six_times_the_memory(tmp_path):
    peaks = []
    for count in (300, 1200):
        folder = folder_of(tmp_path, count)
        tracemalloc.start()
        compared(folder)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 6 * peaks[0]
