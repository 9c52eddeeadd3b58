"""What a run and a dry run say in the terminal."""

from __future__ import annotations

import pytest

from spmvbench import screen


@pytest.fixture
def an_hour_each(monkeypatch):
    monkeypatch.setattr(screen, "seconds", lambda case: 3665.0)


@pytest.mark.parametrize(
    ("cases", "said"),
    [(1, "1 case, about 1:01:05 (an estimate)"), (2, "2 cases, about 2:02:10 (an estimate)")],
)
def test_a_dry_run_ends_with_the_number_of_cases_and_hours_that_are_no_minutes(
    an_hour_each, capsys, cases, said
):
    screen.Screen(launches=1).total([None] * cases)
    assert capsys.readouterr().out.startswith(said)


def test_small_sizes_are_kilobytes(an_hour_each, capsys):
    class Labelled:
        label = "8x8"

    screen.Screen(launches=1).preview(Labelled(), {"macko": 5400, "csr16": 1_500_000})
    assert capsys.readouterr().out.startswith("8x8: macko 5.4 kB, csr16 1.5 MB;")
