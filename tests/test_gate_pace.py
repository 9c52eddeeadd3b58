"""The pace of a pair of launches is taken out; a ratio, and what one case did, stay."""

from __future__ import annotations

import numpy as np
import pytest

from spmvbench.compare import Side
from spmvbench.compare.side import Case, Place
from spmvbench.gate.pace import LEAST_CASES, steadied
from spmvbench.record import Record

PLACE = Place("e", "d", "")
PACES = np.array([1.0, 1.1, 1.3])


def side(times):
    """Rows of cases, a list of times each, in the order of launches."""
    return Side(
        {PLACE: {Case(name, "cold", 1, "f"): list(map(row, t)) for name, t in times.items()}}, {}
    )


def row(us):
    times = {"median_us": us, "ci_low_us": us and us * 0.99, "ci_high_us": us and us * 1.01}
    return Record(status="ok" if us else "crashed", **times)


def of(found):
    return {case.key: [r.median_us for r in rows] for case, rows in found.rows[PLACE].items()}


def cases(count, factor=1.0):
    return {f"case{i}": 100 * factor * PACES for i in range(count)}


def test_what_slows_all_cases_of_a_pair_is_gone():
    base, new = map(of, steadied(side(cases(10)), side(cases(10, 1.05))))
    assert np.ptp(base["case3"]) == pytest.approx(0, abs=1e-9)
    assert np.ptp(new["case3"]) == pytest.approx(0, abs=1e-9)


def test_the_ratio_of_every_pair_and_the_mean_of_each_side_stay():
    base, new = map(of, steadied(side(cases(10)), side(cases(10, 1.05))))
    assert np.array(new["case3"]) / base["case3"] == pytest.approx([1.05] * 3)
    assert np.log(base["case3"]).mean() == pytest.approx(np.log(100 * PACES).mean())


def test_what_one_case_alone_did_is_left_in_its_times_and_out_of_the_others():
    odd = cases(10) | {"odd": 100 * PACES * [1, 1, 2]}
    found = of(steadied(side(odd), side(odd))[0])
    assert found["odd"][2] / found["odd"][1] == pytest.approx(2)
    assert abs(np.log(found["case3"][2] / found["case3"][1])) < np.log(2) / 5


def test_intervals_move_with_their_times():
    found = steadied(side(cases(10)), side(cases(10)))[0].rows[PLACE][Case("case3", "cold", 1, "f")]
    assert all(r.ci_high_us / r.median_us == pytest.approx(1.01) for r in found)
    assert all(r.ci_low_us / r.median_us == pytest.approx(0.99) for r in found)


def test_few_cases_say_nothing_of_the_pace():
    few = side(cases(LEAST_CASES - 1))
    assert steadied(few, few) == (few, few)


@pytest.mark.parametrize("times", [[100.0, 110.0], [100.0, None, 130.0]], ids=["absent", "crashed"])
def test_a_case_that_was_not_timed_in_every_launch_is_left_alone(times):
    found = of(steadied(side(cases(10) | {"odd": times}), side(cases(10)))[0])
    assert found["odd"] == times
    assert np.ptp(found["case3"]) == pytest.approx(0, abs=1e-9)
