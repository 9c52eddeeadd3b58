"""Who wins, and when the measurement cannot say."""

import numpy as np
import pytest
import synthetic

from spmvbench.curves import parts
from spmvbench.winners import verdict


def judged(speedups, **columns):
    (part,) = parts(synthetic.by_hand(speedups, **columns))
    return verdict(part.timed)


def test_the_fastest_lossless_format_wins():
    found = judged({"macko": [1.5], "bitmap": [1.2]})
    assert (found.kind, found.best.format) == ("sparse", "macko")
    assert found.baseline == ("dense-f16",)


def test_dense_wins_when_no_sparse_interval_reaches_1():
    found = judged({"macko": [(0.9, 0.85, 0.99)]})
    assert (found.kind, found.best.format, found.best.speedup) == ("dense", "dense-f16", 1)


def test_a_win_whose_interval_includes_1_is_not_claimed():
    found = judged({"macko": [(1.02, 0.97, 1.06)]})
    assert (found.kind, found.best.format) == ("unclear", "macko")


def test_a_dense_win_is_not_claimed_over_a_sparse_interval_that_includes_1():
    found = judged({"macko": [(0.98, 0.94, 1.01)]})
    assert (found.kind, found.best.format) == ("unclear", "macko")


def test_without_an_interval_nothing_is_claimed():
    assert judged({"macko": [(3.0, None, None)]}).kind == "unclear"


def test_lossy_formats_never_win():
    records = synthetic.by_hand({"macko": [1.5], "dense-int8": [4.0]})
    (part,) = parts(records)
    found = verdict(part.timed)
    assert (found.kind, found.best.format, found.tied) == ("sparse", "macko", ())


def test_formats_with_overlapping_intervals_are_tied():
    found = judged({"macko": [(2.0, 1.9, 2.1)], "csr16": [(1.95, 1.8, 2.0)], "bitmap": [1.5]})
    assert (found.best.format, found.tied) == ("macko", ("csr16",))


def test_a_dense_format_of_another_precision_can_be_tied_with_a_sparse_one():
    found = judged({"macko": [(2.0, 1.9, 2.1)], "dense-numpy": [(1.95, 1.8, 2.0)]})
    assert (found.kind, found.best.format, found.tied) == ("sparse", "macko", ("dense-numpy",))


def test_a_dense_format_of_another_precision_beats_a_slower_sparse_one():
    found = judged({"macko": [(1.5, 1.4, 1.6)], "dense-numpy": [(2.0, 1.9, 2.1)]})
    assert (found.kind, found.best.format, found.tied) == ("dense", "dense-numpy", ())


def test_equal_speed_ups_are_tied_whatever_the_order():
    one = judged({"macko": [2.0], "csr16": [2.0]})
    other = judged({"csr16": [2.0], "macko": [2.0]})
    assert {one.best.format, *one.tied} == {other.best.format, *other.tied} == {"macko", "csr16"}


def test_without_dense_the_shortest_time_wins_and_there_is_no_speed_up():
    records = synthetic.records(synthetic.SHAPES[:1], (0.1,), formats=("macko", "csr16"))
    (part,) = parts(records)
    found = verdict(part.timed)
    assert found.kind == "alone"
    assert found.best.time_us == part.timed["median_us"].min()
    assert np.isnan(found.best.speedup)


def test_only_dense_is_a_dense_win():
    assert judged({"dense-f16": [1.0]}).kind == "dense"


def test_dense_in_another_precision_wins_only_beyond_its_interval():
    assert judged({"dense-numpy": [(1.3, 1.2, 1.4)]}).best.format == "dense-numpy"
    assert judged({"dense-numpy": [(1.01, 0.98, 1.05)]}).best.format == "dense-f16"


def test_over_several_problems_the_format_with_most_wins_stands_with_its_geometric_mean():
    found = judged({"macko": [2.0, 8.0, 1.1], "csr16": [1.5, 4.0, 3.0]})
    assert (found.best.format, found.best.wins, found.best.problems) == ("macko", 2, 3)
    assert found.best.speedup == pytest.approx((2.0 * 8.0 * 1.1) ** (1 / 3))
    assert (found.best.least, found.best.most) == pytest.approx((1.1, 8.0))


def test_the_interval_of_a_mean_is_narrower_than_that_of_its_members():
    alone = judged({"macko": [(2.0, 1.8, 2.2)]}).best
    found = judged({"macko": [(2.0, 1.8, 2.2)] * 4}).best
    assert np.log(found.high / 2) == pytest.approx(np.log(alone.high / 2) / 2)
    assert np.log(2 / found.low) == pytest.approx(np.log(2 / alone.low) / 2)


def test_bytes_saved_are_those_of_all_problems_together():
    records = synthetic.by_hand({"macko": [2.0, 2.0]})
    own = records["format"] == "macko"
    records.loc[own, "dense_bytes"] = 100
    records.loc[own, "packed_bytes"] = [20, 60]
    (part,) = parts(records)
    assert verdict(part.timed).best.saved == pytest.approx(0.6)


def test_nothing_timed_has_no_winner():
    (part,) = parts(synthetic.by_hand({"macko": [2.0]}))
    assert verdict(part.timed[:0]) is None
