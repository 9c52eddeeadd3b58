"""What a dry run says: cases by shape, bytes by format, how long it takes."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from spmvbench.case import Case
from spmvbench.preview import SHOWN, Foreseen, sentence, show_preview, tables
from spmvbench.problems.base import Problem


def foreseen(rows=64, density=0.5, *, cache="cold", likely_s=1.0, source=None, **sizes):
    problem = Problem(rows, 128, density, source=source)
    case = Case("e", problem, tuple(sizes), cache, 2)
    named = {name.replace("_", "-"): found for name, found in sizes.items()}
    return Foreseen(case, named, likely_s)


def text(cases, width=80):
    out = io.StringIO()
    show_preview(cases, Console(file=out, width=width))
    return out.getvalue()


@pytest.mark.parametrize(
    ("cases", "said"),
    [(1, "1 case, about 1:01:05 (an estimate)"), (2, "2 cases, about 2:02:10 (an estimate)")],
)
def test_the_end_is_the_number_of_cases_and_hours_that_are_no_minutes(cases, said):
    assert sentence([foreseen(likely_s=3665.0, macko=1)] * cases).startswith(said)


def test_cases_of_a_shape_are_a_row_with_the_most_memory_and_all_their_time():
    cases, _ = tables(
        [
            foreseen(density=0.1, likely_s=20, macko=400, dense_f16=5000),
            foreseen(density=0.5, likely_s=60, macko=2_000_000, dense_f16=5000),
            foreseen(rows=32, likely_s=1, macko=10, dense_f16=20),
        ]
    )
    assert cases.rows == [
        ["64 x 128", "0.1, 0.5", "2", "2 MB", "1:20"],
        ["32 x 128", "0.5", "1", "0.03 kB", "0:01"],
    ]


def test_what_cases_differ_in_is_a_column_and_the_rest_is_said_once():
    cases, _ = tables([foreseen(macko=1), foreseen(cache="hot", macko=1)])
    assert cases.title == "Cases · float16 · uniform · batch 1 · seed 47 · threads 2"
    assert [row[:2] for row in cases.rows] == [["64 x 128", "cold"], ["64 x 128", "hot"]]


def test_many_densities_are_a_range_and_stored_ones_are_said_to_be():
    many, _ = tables([foreseen(density=d / 10, macko=1) for d in (5, 1, 3, 4)])
    assert many.rows[0][1] == "0.1 to 0.5 (4)"
    stored, _ = tables([foreseen(density=None, source="/data/w.safetensors", macko=1)])
    assert stored.rows[0][1] == "as stored"
    assert "w.safetensors" in stored.title


def test_a_format_has_its_least_and_most_bytes():
    _, formats = tables([foreseen(macko=5400), foreseen(macko=1_500_000)])
    assert formats.rows == [["macko", "2", "5.4 kB", "1.5 MB"]]


def test_why_a_format_has_no_bytes_is_said_once_for_all_that_have_the_same_reason():
    one = foreseen(macko=1, slab="slab has no kernel", bitmap="bitmap has no kernel")
    _, formats = tables([one, foreseen(macko="too many columns", slab=1, bitmap=1)])
    assert formats.notes == [
        "slab, bitmap (1 of 2 cases): has no kernel",
        "macko (1 of 2 cases): too many columns",
    ]


def test_it_fits_80_columns():
    names = {f"a_format_with_a_name_{i}": 10**9 for i in range(9)}
    several = [
        foreseen(53248, d / 100, cache=cache, **names)
        for d in range(5, 100, 5)
        for cache in ("cold", "hot")
    ]
    assert max(map(len, text(several).splitlines())) <= 80


def test_a_long_table_is_cut_and_says_so():
    said = text([foreseen(rows, macko=1) for rows in range(1, SHOWN + 11)])
    assert "and 10 more" in said
