"""Several launches of one case as one row: every column has its rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spmvbench.case import Case
from spmvbench.launches import joined, repeated
from spmvbench.problems import Problem
from spmvbench.record import Record

MINE = Record(
    format="macko",
    dtype="float16",
    value_dtype="float16",
    status="ok",
    packed_bytes=1000,
    bytes_moved=2000,
    max_error=0.1,
    median_us=50.0,
    samples=30,
    effective_samples=20.0,
    stop_reason="precise",
    read_gbps=10.0,
    pack_s=0.5,
    baseline="dense",
    speedup=2.0,
    flags="drift;contended:9%",
)
DENSE = replace(MINE, format="dense", dense=True, median_us=100.0, speedup=1.0, flags="")
RIVAL = replace(DENSE, format="rival", median_us=101.0, speedup=0.99)


def launch(*records):
    return {r.format: (r, np.full(r.samples or 0, r.median_us, "<f4").tobytes()) for r in records}


def one(*launches):
    """The row of `macko`."""
    return {r.format: r for r, _ in joined(launches)}["macko"]


def scaled(record, factor, **changes):
    return replace(record, median_us=record.median_us * factor, **changes)


def test_times_and_speedups_are_medians_over_launches_with_students_interval():
    times = [(0.9, 2.2), (1.0, 2.0), (1.3, 1.5)]
    row = one(*(launch(scaled(MINE, f, speedup=s), DENSE) for f, s in times))
    assert (row.median_us, row.speedup, row.launches) == (pytest.approx(50), 2, 3)
    logs = np.log([45, 50, 65])
    reach = 4.30265 * logs.std(ddof=1) / np.sqrt(3)
    assert (row.ci_low_us, row.ci_high_us) == pytest.approx(
        (np.exp(logs.mean() - reach), np.exp(logs.mean() + reach)), rel=1e-5
    )
    assert row.speedup_low < 1.5 < 2.2 < row.speedup_high
    assert row.gbps == pytest.approx(2000 / 50 / 1e3)
    assert row.break_even_calls == pytest.approx(0.5e6 / 50)


def test_samples_follow_each_other_and_their_percentiles_are_of_all():
    ((row, raw),) = joined([launch(MINE), launch(scaled(MINE, 2, samples=10))])
    assert (row.samples, row.launch_samples, row.effective_samples) == (40, "30;10", 40)
    assert np.frombuffer(raw, "<f4").tolist() == [50] * 30 + [100] * 10
    assert (row.p05_us, row.p95_us) == (50, 100)


def test_sizes_and_errors_are_the_worst_and_set_up_times_the_middle():
    more = replace(MINE, max_error=0.3, packed_bytes=1001, pack_s=0.7, temperature_c=60.0)
    row = one(launch(MINE), launch(more), launch(replace(MINE, pack_s=9.0, temperature_c=50.0)))
    assert (row.max_error, row.packed_bytes, row.pack_s, row.temperature_c) == (0.3, 1001, 0.7, 60)
    assert (row.power_w, row.floor_us) == (None, None)


def test_the_least_precise_stop_and_every_flag_with_its_largest_share_stand_in_the_row():
    other = replace(
        MINE, stop_reason="budget", flags="contended:12%;bimodal", throttle="thermal+power-cap"
    )
    stalled = replace(MINE, stop_reason="stalled", throttle="power-cap", flags="")
    row = one(launch(MINE), launch(other), launch(stalled))
    assert row.stop_reason == "budget"
    assert row.flags == "drift;contended:12%;bimodal"
    assert row.throttle == "thermal+power-cap"


def test_the_baseline_is_the_fastest_over_all_launches_whichever_led_in_one():
    second = launch(
        replace(MINE, baseline="rival", speedup=1.92),
        replace(DENSE, baseline="rival", speedup=0.96, median_us=103.0),
        replace(RIVAL, baseline="rival", speedup=1.0, median_us=99.0),
    )
    first = launch(MINE, DENSE, replace(RIVAL, median_us=110.0, speedup=0.9))
    rows = {r.format: r for r, _ in joined([first, second])}
    assert {r.baseline for r in rows.values()} == {"dense"}
    assert (rows["dense"].speedup, rows["dense"].speedup_low) == (1, 1)
    assert rows["macko"].speedup == pytest.approx(2)
    assert rows["rival"].speedup == pytest.approx((0.9 / 0.96) ** 0.5)


def test_without_a_pair_in_one_launch_there_is_no_speedup():
    row = one(launch(MINE, DENSE), launch(replace(MINE, baseline="", speedup=None), DENSE))
    assert (row.baseline, row.speedup, row.median_us) == ("", None, pytest.approx(50))


def asked(*answers):
    """What `repeated` asks launch by launch, and what it makes of the answers."""
    case = Case("t", Problem(8, 8, 0.5), ("macko",), "cold", 1, anchors=("dense",))
    left, seen = list(answers), []

    def measure(asked):
        seen.append(asked.formats)
        return left.pop(0)

    return seen, repeated(case, len(answers), measure)


def test_anchors_are_measured_in_every_launch_and_leave_no_row():
    seen, rows = asked(launch(MINE, DENSE), launch(MINE, DENSE))
    assert seen == [("macko", "dense")] * 2
    assert [record.format for record, _ in rows] == ["macko"]


def test_what_was_wrong_once_is_wrong_and_not_asked_again():
    wrong = replace(MINE, status="wrong", reason="row 3", median_us=None, samples=None)
    bad = {"macko": (wrong, b""), "dense": launch(DENSE)["dense"]}
    seen, ((row, raw),) = asked(launch(MINE, DENSE), bad, launch(DENSE))
    assert seen == [("macko", "dense"), ("macko", "dense"), ("dense",)]
    assert (row.status, row.reason, row.median_us, raw) == (
        "wrong",
        "in launch 2: row 3",
        None,
        b"",
    )


def test_no_launch_is_made_of_nothing():
    wrong = replace(MINE, status="wrong", median_us=None)
    both = {"macko": (wrong, b""), "dense": (replace(wrong, format="dense"), b"")}
    seen, rows = asked(both, both, both)
    assert len(seen) == 1
    assert rows[0][0].status == "wrong"
