from __future__ import annotations

import numpy as np
import pytest

from spmvbench.case import Timing
from spmvbench.stats import drifts, median, ratio_of_medians, speedup, stop_reason

TIMING = Timing(budget_s=1.0, precision=0.02, min_samples=30)


def normal(n, seed=0, spread=0.05, centre=100.0):
    return np.random.default_rng(seed).normal(centre, centre * spread, n)


def test_the_interval_of_equal_samples_is_a_point():
    got = median(np.full(30, 7.0))
    assert (got.value, got.low, got.high) == (7, 7, 7)


def test_the_interval_is_the_tenth_and_twenty_first_of_thirty():
    # binomial(30, 1/2): P(X <= 9) = 0.0214, so ranks 10 and 21, counted from 1
    got = median(np.arange(1.0, 31.0))
    assert (got.value, got.low, got.high) == (15.5, 10, 21)


def test_a_few_samples_give_their_extremes():
    got = median(np.array([3.0, 1.0, 2.0]))
    assert (got.value, got.low, got.high) == (2, 1, 3)


@pytest.mark.parametrize("kind", ["normal", "lognormal"])
def test_the_interval_covers_the_median_in_95_percent_of_trials(kind):
    rng = np.random.default_rng(3)
    draws = getattr(rng, kind)(size=(1000, 31))
    true = 0.0 if kind == "normal" else 1.0
    covered = [(m := median(d)).low <= true <= m.high for d in draws]
    assert 0.935 <= np.mean(covered) <= 0.985


def test_speedup_is_the_median_ratio_of_pairs():
    base = np.array([10.0, 20.0, 30.0, 40.0])
    assert speedup(base, base / 2).value == pytest.approx(2)
    assert speedup(base, base / 2).low == pytest.approx(2)


def test_pairing_removes_what_both_suffered():
    noise = np.exp(np.random.default_rng(1).normal(0, 0.5, 200))
    got = speedup(120 * noise, 100 * noise * np.random.default_rng(2).normal(1, 0.01, 200))
    assert got.low < 1.2 < got.high
    assert got.high / got.low < 1.02


def test_the_speedup_interval_covers_the_truth():
    covered = 0
    for seed in range(100):
        got = speedup(normal(40, seed), normal(40, seed + 1000))
        covered += got.low <= 1 <= got.high
    assert covered >= 88


def test_sampling_goes_on_below_the_least_number_of_samples():
    assert stop_reason(np.full(29, 5.0), TIMING) is None


def test_sampling_ends_when_precise():
    assert stop_reason(np.full(30, 5.0), TIMING) == "precise"


def test_sampling_ends_when_the_budget_is_spent():
    samples = normal(40, spread=0.5, centre=30_000.0)
    assert stop_reason(samples, TIMING) == "budget"


def test_sampling_goes_on_while_imprecise_and_in_budget():
    assert stop_reason(normal(40, spread=0.5), TIMING) is None


def test_sampling_ends_when_more_samples_do_not_help():
    two_states = np.concatenate([normal(60, spread=0.001), normal(60, spread=0.5, centre=200)])
    assert stop_reason(two_states, TIMING) == "stalled"


def test_plain_noise_is_not_taken_for_a_stall():
    stalled = sum(
        stop_reason(normal(n, seed, spread=0.3), TIMING) == "stalled"
        for seed in range(60)
        for n in range(30, 500, 5)
    )
    assert stalled <= 8


def test_drift_is_seen_and_noise_is_not():
    assert drifts(normal(100) * np.linspace(1, 1.2, 100))
    assert not any(drifts(normal(100, seed)) for seed in range(50))


def test_the_ratio_of_medians_is_what_two_rows_say():
    base, mine = np.array([10.0, 20.0, 90.0]), np.array([5.0, 1.0, 8.0])
    assert ratio_of_medians(base, mine).value == 4


def test_the_ratio_of_medians_keeps_what_both_suffered_paired():
    noise = np.exp(np.random.default_rng(1).normal(0, 0.5, 200))
    got = ratio_of_medians(120 * noise, 100 * noise * np.random.default_rng(2).normal(1, 0.01, 200))
    assert got.low < 1.2 < got.high
    assert got.high / got.low < 1.02


def test_the_interval_of_the_ratio_of_medians_covers_the_truth():
    covered = 0
    for seed in range(100):
        got = ratio_of_medians(normal(40, seed), normal(40, seed + 1000))
        covered += got.low <= 1 <= got.high
    assert covered >= 88


def test_the_ratio_of_medians_without_any_noise_has_an_interval_of_no_width():
    got = ratio_of_medians(np.full(30, 4.0), np.full(30, 2.0))
    assert (got.low, got.value, got.high) == (2, 2, 2)
