"""How sure a difference is: false alarms in simulations, Holm's correction, launches joined."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from results_folders import rows

from spmvbench.compare.estimate import Estimate, against_baseline, time
from spmvbench.compare.evidence import BETWEEN_LAUNCHES, evidence
from spmvbench.stats import over_launches

TRIALS = 200


def estimates(rng, spreads, launches):
    """What so many launches tell of cases whose true logarithm is 0."""
    draws = rng.normal(size=(len(spreads), launches)) * spreads[:, None]
    return [Estimate(float(d.mean()), launches, float(d.var(ddof=1))) for d in draws]


SPREADS = {
    "all alike": lambda rng, cases: np.full(cases, 0.01),
    "unlike": lambda rng, cases: 0.01 * np.sqrt(4 / rng.chisquare(4, cases)),
    "a few wild": lambda rng, cases: np.where(rng.random(cases) < 0.05, 0.06, 0.004),
}


@pytest.mark.parametrize(("cases", "launches"), [(1, 5), (12, 3), (80, 3), (80, 5)])
@pytest.mark.parametrize("kind", SPREADS)
def test_identical_sides_are_told_apart_in_about_5_percent_of_comparisons(kind, cases, launches):
    rng = np.random.default_rng([cases, launches])
    alarms = 0
    for _ in range(TRIALS):
        spreads = SPREADS[kind](rng, cases)
        found = evidence(*(estimates(rng, spreads, launches) for _ in range(2)), 0.95)
        alarms += bool((abs(found.value) > found.reach).any())
    assert alarms / TRIALS <= 0.1


def single(value, within=0.001):
    return Estimate(value, 1, within=within)


def test_one_launch_a_side_is_worth_the_constant_between_launches():
    found = evidence([single(0.0)], [single(0.0)], 0.95)
    expected = 1.95996 * np.sqrt(2 * (BETWEEN_LAUNCHES**2 + 0.001**2))
    assert found.reach[0] == pytest.approx(expected, rel=1e-4)


def test_one_launch_beside_many_takes_what_lies_between_theirs():
    many = Estimate(0.0, 30, 0.004**2)
    found = evidence([many], [single(0.0, within=0.0)], 0.95)
    assert found.reach[0] == pytest.approx(2.045 * 0.004 * np.sqrt(1 + 1 / 30), rel=0.01)


def test_launches_that_agree_by_luck_are_not_believed_when_all_others_do_not():
    rng = np.random.default_rng(1)
    base, new = (estimates(rng, np.full(40, 0.02), 3) for _ in range(2))
    lucky = Estimate(0.0, 3, 1e-10)
    reach = evidence([*base, lucky], [*new, lucky], 0.95).reach
    assert reach[-1] > 0.2 * np.median(reach)
    assert evidence([lucky], [lucky], 0.95).reach[0] < 1e-4


def test_no_interval_is_narrower_than_the_samples_of_a_launch_allow():
    noisy = Estimate(0.0, 3, 1e-10, within=0.02)
    assert evidence([noisy], [noisy], 0.95).reach[0] > 0.02


values = st.lists(st.floats(-0.3, 0.3), min_size=1, max_size=30)


@given(values, st.integers(3, 6), st.floats(1e-4, 0.05))
@settings(deadline=None)
def test_an_interval_excludes_1_exactly_where_holm_rejects(differences, launches, spread):
    base = [Estimate(0.0, launches, spread**2) for _ in differences]
    new = [Estimate(value, launches, spread**2) for value in differences]
    found = evidence(base, new, 0.95)
    alone = [evidence([b], [n], 0.95) for b, n in zip(base, new, strict=True)]
    named = abs(found.value) > found.reach
    assert (found.reach > 0).all()
    if len(differences) == 1:
        assert found.reach[0] == pytest.approx(alone[0].reach[0])
    if named.any() and not named.all():
        assert abs(found.value[named]).min() >= abs(found.value[~named]).max()


@given(values)
@settings(deadline=None)
def test_swapping_the_sides_turns_the_difference_round(differences):
    base = [Estimate(0.0, 3, 1e-4) for _ in differences]
    new = [Estimate(value, 3, 1e-4) for value in differences]
    one, other = evidence(base, new, 0.95), evidence(new, base, 0.95)
    assert np.allclose(one.value, -other.value)
    assert np.allclose(one.reach, other.reach)


def row(us, **changes):
    return replace(next(rows()), median_us=us, ci_low_us=us, ci_high_us=us, **changes)


def of_launches(*times):
    """The row that a run of so many launches leaves."""
    middle = over_launches(times)
    return replace(
        row(middle.value), ci_low_us=middle.low, ci_high_us=middle.high, launches=len(times)
    )


@given(st.lists(st.floats(90, 110), min_size=4, max_size=6))
@settings(deadline=None)
def test_launches_in_folders_in_one_row_or_in_both_tell_the_same(times):
    folders = time([row(us) for us in times])
    for parts in ([of_launches(*times)], [of_launches(*times[:2]), of_launches(*times[2:])]):
        found = time(parts)
        assert found.launches == len(times)
        assert found.value == pytest.approx(folders.value, abs=1e-9)
        assert found.variance == pytest.approx(folders.variance, rel=1e-4, abs=1e-12)


def test_a_slower_baseline_is_no_slower_format_across_machines():
    (dense, csr16, *_) = rows()
    assert against_baseline([csr16]).value == pytest.approx(np.log(0.5))
    assert against_baseline([replace(csr16, speedup=None)]) is None
    assert time([replace(dense, status="wrong")]) is None
