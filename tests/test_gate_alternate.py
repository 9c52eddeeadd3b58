"""The order of launches and their number, on a clock that only launches move."""

from __future__ import annotations

import pytest

from spmvbench.gate.alternate import alternate


def launches(budget_s, *seconds_s):
    """The sides launched when launches take that long one after the other, the last for ever."""
    sides, now = [], [0.0]

    def launch(side, pair):
        now[0] += seconds_s[min(len(sides), len(seconds_s) - 1)]
        sides.append(f"{side}{pair}")

    return sides, alternate(launch, budget_s, lambda: now[0])


def test_every_second_pair_is_turned_round():
    sides, done = launches(8, 1)
    assert sides == ["base1", "new1", "new2", "base2", "base3", "new3", "new4", "base4"]
    assert (done.per_side, done.seconds_s) == (4, 8)


@pytest.mark.parametrize(("budget_s", "pairs"), [(0, 3), (5.9, 3), (7.9, 3), (8, 4), (99, 49)])
def test_as_many_pairs_run_as_fit_and_never_fewer_than_three(budget_s, pairs):
    sides, done = launches(budget_s, 1)
    assert len(sides) == 2 * pairs
    assert done.per_side == pairs


def test_a_first_pair_that_compiles_does_not_count_for_the_next():
    assert launches(30, 9, 9, 1)[1].per_side == 7
