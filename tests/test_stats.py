from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter
from scipy.stats import norm

from spmvbench.case import Timing
from spmvbench.stats import (
    bimodal,
    block_bootstrap,
    block_length,
    drifts,
    effective_samples,
    log_ratio,
    median,
    outlier_share,
    over_launches,
    ratio_of_medians,
    speedup,
    stop_reason,
)

TIMING = Timing(budget_s=1.0, precision=0.02, min_samples=30)


def normal(n, seed=0, spread=0.05, centre=100.0):
    return np.random.default_rng(seed).normal(centre, centre * spread, n)


def test_the_interval_of_equal_samples_is_a_point():
    got = median(np.full(30, 7.0))
    assert (got.value, got.low, got.high) == (7, 7, 7)


def test_the_interval_of_thirty_is_about_the_tenth_and_twenty_first():
    # binomial(30, 1/2): P(X <= 9) = 0.0214; between two ranks lies the one for 0.025
    zigzag = np.stack([np.arange(1.0, 16.0), np.arange(16.0, 31.0)[::-1]], 1).ravel()
    got = median(zigzag)
    assert effective_samples(zigzag) == 30
    assert got.value == 15.5
    assert (got.low, got.high) == pytest.approx((10, 21), abs=0.1)


def test_a_few_samples_give_their_extremes():
    got = median(np.array([3.0, 1.0, 2.0]))
    assert (got.value, got.low, got.high) == (2, 1, 3)


TRIALS = 2000
SHARE_OF_SLOW, SLOW = 0.35, 120.0
DRAWS = {
    "normal": lambda rng, n: rng.normal(100, 5, (TRIALS, n)),
    "lognormal": lambda rng, n: rng.lognormal(0, 0.3, (TRIALS, n)),
    "bimodal": lambda rng, n: rng.normal(
        np.where(rng.random((TRIALS, n)) < SHARE_OF_SLOW, SLOW, 100.0), 2.0
    ),
}
TRUE = {"normal": 100.0, "lognormal": 1.0}
TRUE["bimodal"] = 100 + 2 * norm.ppf(0.5 / (1 - SHARE_OF_SLOW))


def covered(draws, true):
    """The share of intervals that hold the true median."""
    return np.mean([(m := median(d)).low <= true <= m.high for d in draws])


@pytest.mark.parametrize("n", [30, 60, 120])
@pytest.mark.parametrize("kind", DRAWS)
def test_the_interval_covers_the_median_in_95_percent_of_trials(kind, n):
    draws = DRAWS[kind](np.random.default_rng([n, 3]), n)
    assert 0.93 <= covered(draws, TRUE[kind]) <= 0.97


def order_one(rng, n, kept, trials=TRIALS):
    """Samples of which each keeps that share of the one before; their true median is 0."""
    return lfilter([1], [1, -kept], rng.normal(size=(trials, n + 100)), axis=1)[:, 100:]


@pytest.mark.parametrize(
    ("kept", "n", "least"), [(0.5, 60, 0.93), (0.5, 120, 0.93), (0.8, 120, 0.92)]
)
def test_the_interval_of_correlated_samples_is_as_wide_as_it_must_be(kept, n, least):
    assert least <= covered(order_one(np.random.default_rng(n), n, kept), 0.0) <= 0.97


def test_correlated_samples_are_worth_as_many_as_the_theory_says():
    # signs of such a process correlate by 2/pi asin(0.5^k): 300 are worth 300 / 2.27
    draws = order_one(np.random.default_rng(1), 300, 0.5, trials=200)
    assert np.median([effective_samples(d) for d in draws]) == pytest.approx(132, rel=0.1)


def test_samples_that_follow_a_slow_wave_are_worth_few_although_neighbours_differ():
    rng = np.random.default_rng(2)
    wave = np.repeat(rng.normal(0, 1.5, 10), 30) + rng.normal(0, 1, 300)
    assert effective_samples(wave) < 40
    assert effective_samples(rng.permutation(wave)) > 200


lists = st.lists(st.floats(0.1, 1e6), min_size=1, max_size=80).map(np.array)


@given(lists, st.floats(1e-3, 1e3))
@settings(deadline=None)
def test_the_interval_holds_the_median_lies_among_the_samples_and_has_their_unit(samples, unit):
    got, scaled = median(samples), median(samples * unit)
    assert samples.min() <= got.low <= got.value <= got.high <= samples.max()
    assert (scaled.value, scaled.low, scaled.high) == pytest.approx(
        (got.value * unit, got.low * unit, got.high * unit), rel=1e-6
    )


@given(lists)
@settings(deadline=None)
def test_samples_are_worth_at_most_as_many_as_they_are(samples):
    assert 0 < effective_samples(samples) <= len(samples)


def test_speedup_is_the_median_ratio_of_pairs():
    base = np.array([10.0, 20.0, 30.0, 40.0])
    assert speedup(base, base / 2).value == pytest.approx(2)
    assert speedup(base, base / 2).low == pytest.approx(2)


def test_pairing_removes_what_both_suffered():
    noise = np.exp(np.random.default_rng(1).normal(0, 0.5, 200))
    got = speedup(120 * noise, 100 * noise * np.random.default_rng(2).normal(1, 0.01, 200))
    assert got.low < 1.2 < got.high
    assert got.high / got.low < 1.02


@pytest.mark.parametrize("kept", [0.0, 0.6])
def test_the_speedup_interval_covers_the_truth_also_of_correlated_blocks(kept):
    rng = np.random.default_rng(5)
    base, mine = (np.exp(0.02 * order_one(rng, 80, kept, trials=500)) for _ in range(2))
    found = [speedup(b, m) for b, m in zip(base, mine, strict=True)]
    assert 0.92 <= np.mean([got.low <= 1 <= got.high for got in found]) <= 0.985


@given(st.integers(0, 99), st.integers(2, 60))
@settings(deadline=None)
def test_swapping_two_formats_inverts_their_speedup(seed, n):
    rng = np.random.default_rng(seed)
    one, other = rng.lognormal(0, 0.2, n), rng.lognormal(0, 0.2, n)
    got, inverse = speedup(one, other), speedup(other, one)
    assert (got.value, got.low, got.high) == pytest.approx(
        (1 / inverse.value, 1 / inverse.high, 1 / inverse.low)
    )


def test_the_error_of_a_log_ratio_is_that_of_a_median_of_normal_logs():
    rng = np.random.default_rng(6)
    found = [log_ratio(np.exp(rng.normal(0.1, 0.05, 200)), np.ones(200)) for _ in range(300)]
    expected = np.sqrt(np.pi / 2) * 0.05 / np.sqrt(200)
    assert np.std([ratio.value for ratio in found]) == pytest.approx(expected, rel=0.15)
    assert np.median([ratio.error for ratio in found]) == pytest.approx(expected, rel=0.15)


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


def test_most_of_what_drifts_is_flagged():
    rng = np.random.default_rng(7)
    slopes = [normal(60, seed, spread=0.03) * np.linspace(1, 1.1, 60) for seed in range(100)]
    assert np.mean([drifts(samples) for samples in slopes]) > 0.95
    assert not drifts(rng.permutation(slopes[0]))


def test_two_heights_are_seen_and_every_one_height_is_not():
    rng = np.random.default_rng(8)
    two = [rng.normal(np.where(rng.random(60) < 0.4, 110.0, 100.0), 1.0) for _ in range(200)]
    assert np.mean([bimodal(samples) for samples in two]) > 0.99
    shapes = ("normal", "uniform", "lognormal", "exponential", "laplace")
    one = [np.exp(0.2 * getattr(rng, shape)(size=60)) for shape in shapes for _ in range(200)]
    assert not any(map(bimodal, one))


def test_ticks_of_a_clock_are_not_two_heights():
    ticks = np.random.default_rng(9).choice([100.0, 101.0], 60)
    assert not bimodal(ticks)
    assert bimodal(np.where(ticks == 100, 100.0, 110.0))


@given(lists)
@settings(deadline=None)
def test_any_list_of_samples_has_a_shape(samples):
    assert bimodal(samples) in (True, False)
    assert 0 <= outlier_share(samples) <= 0.5


def test_the_share_of_outliers_is_that_of_samples_far_out():
    samples = normal(100, spread=0.01)
    assert outlier_share(samples) == 0
    samples[:8] *= 1.5
    assert outlier_share(samples) == 0.08


def test_samples_that_are_all_alike_but_for_rounding_have_no_outliers():
    samples = np.full(50, 7.0)
    samples[3] = np.nextafter(7.0, 8.0)
    assert outlier_share(samples) == 0


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


def test_blocks_are_as_long_as_the_correlation_lasts():
    rng = np.random.default_rng(10)
    alone = [block_length(rng.normal(size=100)) for _ in range(50)]
    long = [block_length(d) for d in order_one(rng, 100, 0.7, trials=50)]
    # (1.5 n (2 r / (1 - r^2))^2)^(1/3) for r = 0.7
    assert np.median(alone) <= 2
    assert np.median(long) == pytest.approx(10.4, abs=2)


def test_drawing_blocks_widens_the_interval_of_correlated_samples():
    samples = order_one(np.random.default_rng(11), 200, 0.8, trials=1)[0]

    def width(values):
        low, high = block_bootstrap(lambda drawn: np.mean(drawn[0], axis=-1), values)
        return high - low

    assert width(samples) > 1.8 * width(np.random.default_rng(0).permutation(samples))


def test_the_same_samples_give_the_same_bootstrap_interval():
    samples = normal(50)
    assert ratio_of_medians(samples, samples[::-1]) == ratio_of_medians(samples, samples[::-1])


def test_the_interval_over_three_launches_is_students():
    # t with 2 degrees of freedom: 4.3027; logs -1, 0, 1 have standard error 1 / sqrt(3)
    got = over_launches(np.exp([-1.0, 0.0, 1.0]))
    assert np.log([got.value, got.low, got.high]) == pytest.approx(
        [0, -4.30265 / np.sqrt(3), 4.30265 / np.sqrt(3)], abs=1e-4
    )


def test_two_launches_tell_little():
    got = over_launches([100.0, 101.0])
    assert got.half_width == pytest.approx(12.706 * np.log(1.01) / 2, rel=0.01)


@pytest.mark.parametrize("launches", [2, 3, 5])
def test_the_interval_over_launches_covers_the_truth(launches):
    draws = np.exp(np.random.default_rng(12).normal(0, 0.05, (TRIALS, launches)))
    found = map(over_launches, draws)
    assert 0.93 <= np.mean([got.low <= 1 <= got.high for got in found]) <= 0.97


def test_the_ratio_of_medians_of_several_launches_is_over_their_ratios():
    base = np.concatenate([normal(40, seed, spread=0.001) for seed in range(3)])
    mine = base / np.repeat([1.9, 2.0, 2.1], 40)
    got = ratio_of_medians(base, mine, [40, 40, 40])
    assert got.value == pytest.approx(2)
    assert got.low < 1.9 and got.high > 2.1
    assert ratio_of_medians(base, mine).low > 1.9
