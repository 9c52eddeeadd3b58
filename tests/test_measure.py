"""The measurement on a fake clock: exact times, exact statistics, every status."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import strangers
from fake_device import FIXED_GBPS, FakeDevice

from spmvbench.case import Case, Timing
from spmvbench.formats import resolve
from spmvbench.measure import Entry, groups, measure
from spmvbench.problems import Problem
from spmvbench.sampling import MAX_COPIES, CacheState
from spmvbench.watch import Watch

HERE = Path(__file__).parent
PROBLEM = Problem(48, 600, 0.5)
QUICK = Timing(budget_s=0.01, min_samples=30)


def stranger(name):
    return f"{HERE}/strangers.py:{name}"


@pytest.fixture
def device():
    return FakeDevice()


@pytest.fixture
def costs(monkeypatch, device):
    """Microseconds per product by class name; the classes tell the clock when they multiply."""
    table = {"Right": 50.0, "Dense": 100.0, "DropsSmallValues": 70.0, "FastDense": 10.0}
    table["Rounds"] = 10.0

    def habit(self, a, x, y):
        device.clock.advance(table.get(type(self).__name__, 20.0))

    for name in table:
        monkeypatch.setattr(type(resolve(stranger(name))), "habit", habit)
    return table


def run(device, *names, tmp, **changes):
    case = Case("t", PROBLEM, tuple(map(stranger, names)), "cold", 1, QUICK)
    found = list(measure(replace(case, **changes), device, Watch(tmp / "watch")))
    return {m.record.format.rpartition(":")[2]: m for m in found}


def test_times_are_those_of_the_clock(device, costs, tmp_path):
    got = run(device, "Right", "Dense", tmp=tmp_path)["Right"]
    record = got.record
    assert (record.status, record.reason) == ("ok", "")
    assert record.median_us == record.ci_low_us == record.ci_high_us == 50
    assert (record.p05_us, record.p95_us) == (50, 50)
    assert record.samples == len(got.samples) == 30
    assert record.stop_reason == "precise"
    assert record.overhead_us == 50


def test_the_speedup_is_over_the_fastest_dense_of_the_same_dtype(device, costs, tmp_path):
    got = run(device, "Right", "Dense", tmp=tmp_path)
    right, dense = got["Right"].record, got["Dense"].record
    assert right.baseline == dense.baseline == stranger("Dense")
    assert (right.speedup, right.speedup_low, right.speedup_high) == (2, 2, 2)
    assert dense.speedup == 1
    assert right.break_even_calls == pytest.approx(right.pack_s * 1e6 / 50)
    assert dense.break_even_calls is None


def test_a_dense_format_that_stores_another_dtype_is_no_baseline(device, costs, tmp_path):
    got = run(device, "Right", "FastDense", "Dense", tmp=tmp_path)
    assert got["Right"].record.baseline == stranger("Dense")
    assert got["FastDense"].record.speedup == pytest.approx(10)


def test_a_lossy_dense_format_is_no_baseline(device, costs, tmp_path):
    got = run(device, "Right", "Rounds", "Dense", tmp=tmp_path)
    assert got["Right"].record.baseline == stranger("Dense")
    assert got["Rounds"].record.speedup == pytest.approx(10)


def test_without_a_dense_format_there_is_no_speedup(device, costs, tmp_path):
    record = run(device, "Right", tmp=tmp_path)["Right"].record
    assert (record.baseline, record.speedup) == ("", None)


def test_bytes_and_bandwidth_follow_from_the_packed_arrays(device, costs, tmp_path):
    record = run(device, "Right", tmp=tmp_path)["Right"].record
    assert record.packed_bytes == 48 * 600 * 4
    assert record.dense_bytes == 48 * 600 * 2
    assert record.effective_density == 2
    assert record.bytes_moved == 48 * 600 * 4 + 600 * 4 + 48 * 4
    assert record.gbps == pytest.approx(record.bytes_moved / 50 / 1e3)
    assert record.bandwidth_share == pytest.approx(record.gbps / FIXED_GBPS)
    assert record.nnz == np.count_nonzero(strangers_matrix())


def strangers_matrix():
    from spmvbench.problems import build

    return build(PROBLEM)


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("DropsOneValue", "wrong", "row 24, column "),
        ("WritesNothing", "wrong", "y was not written"),
        ("KeepsY", "wrong", "while timed, row"),
        ("KeepsYLate", "wrong", "after timing, row"),
        ("Raises", "error", "RuntimeError: no such kernel (strangers.py:"),
        ("RaisesWhileTimed", "error", "RuntimeError: late"),
        ("Exits", "error", "SystemExit: 3"),
        ("CoarseSums", "error", "too coarse to be checked"),
        ("SpoilsItsInput", "error", "read-only"),
        ("RaisesOddText", "error", "cannot open"),
        ("BreaksLaterCopies", "wrong", "saw "),
        ("NotAFormat", "error", "is no subclass of"),
        ("Missing", "error", "has no class 'Missing'; its formats are Right, Dense, "),
    ],
)
def test_a_bad_format_costs_its_own_row_and_has_no_time(
    device, costs, tmp_path, name, status, words
):
    got = run(device, "Right", name, "Dense", tmp=tmp_path)
    assert got[name].record.status == status
    assert words in got[name].record.reason
    assert "\n" not in got[name].record.reason
    assert got[name].record.median_us is None
    assert got[name].samples.size == 0
    assert got["Right"].record.speedup == 2


def test_a_wrong_result_carries_how_wrong_it_is(device, tmp_path):
    record = run(device, "DropsOneValue", tmp=tmp_path)["DropsOneValue"].record
    assert record.max_error > 1


def test_a_lossy_format_is_judged_against_what_it_stores(device, costs, tmp_path):
    record = run(device, "DropsSmallValues", tmp=tmp_path)["DropsSmallValues"].record
    assert record.status == "ok"
    assert record.lossless is False
    assert 0 < record.distance < 0.25


def test_a_problem_that_cannot_be_built_is_an_error_of_every_format(device, tmp_path):
    problem = replace(PROBLEM, source=str(tmp_path / "none.npy"), tensor="none")
    got = run(device, "Right", "Dense", tmp=tmp_path, problem=problem)
    assert {m.record.status for m in got.values()} == {"error"}


def test_a_format_that_is_not_available_says_why(device, tmp_path):
    case = Case("t", Problem(2, 65537, 0.1), ("csr16",), "cold", 1, QUICK)
    (got,) = measure(case, device, Watch(tmp_path / "watch"))
    assert got.record.status == "unavailable"
    assert "at most 65536; the matrix has 65537" in got.record.reason


def test_anchors_are_timed_and_leave_no_record(device, costs, tmp_path):
    got = run(device, "Right", tmp=tmp_path, anchors=(stranger("Dense"),))
    assert list(got) == ["Right"]
    assert got["Right"].record.speedup == 2


def test_check_only_times_nothing(device, costs, tmp_path):
    got = run(device, "Right", "DropsOneValue", tmp=tmp_path, timed=False)
    assert got["Right"].record.status == "ok"
    assert got["Right"].record.median_us is None
    assert got["DropsOneValue"].record.status == "wrong"


def test_hot_products_repeat_the_same_copy(device, costs, tmp_path):
    record = run(device, "Right", tmp=tmp_path, cache="hot")["Right"].record
    assert (record.cache_method, record.copies) == ("repeat", 1)
    assert record.working_set_bytes == record.bytes_moved


def test_cold_products_rotate_among_copies_of_three_caches(device, costs, tmp_path):
    record = run(device, "Right", tmp=tmp_path)["Right"].record
    assert record.cache_method == "rotate"
    assert record.copies * record.packed_bytes >= 3 * device.cache_bytes
    assert record.working_set_bytes >= 3 * device.cache_bytes
    assert device.flushes == 0


def test_copies_that_are_one_are_flushed(device, costs, tmp_path):
    record = run(device, "UploadsNothing", tmp=tmp_path)["UploadsNothing"].record
    assert (record.status, record.cache_method, record.copies) == ("ok", "flush", 1)
    assert record.working_set_bytes >= 2 * device.cache_bytes


@pytest.fixture
def launched(device, monkeypatch):
    """Every launch that is timed, in order."""
    seen = []
    original = device.time

    def time(launches, mark):
        seen.append(launches)
        return original(launches, mark)

    monkeypatch.setattr(device, "time", time)
    return seen


def blocks(launched):
    return [launches for launches in launched if len(launches) == 2]


def test_every_block_times_each_format_once_in_changing_order(device, costs, tmp_path, launched):
    run(device, "Right", "Dense", tmp=tmp_path)
    orders = {tuple(launch.y.ctypes.data for launch in block) for block in blocks(launched)}
    assert len(orders) == 2


def test_consecutive_blocks_use_the_next_copy_and_a_new_x(device, costs, tmp_path, launched):
    record = run(device, "Right", "Dense", tmp=tmp_path)["Right"].record
    mine = [b for block in blocks(launched) for b in block if b.y is blocks(launched)[0][0].y]
    copies = [id(launch.matvec) for launch in mine]
    assert len(set(copies)) > 1
    assert all(one != other for one, other in zip(copies, copies[1:], strict=False))
    assert len({launch.x.tobytes() for launch in mine}) == len(mine)
    assert len(mine) == record.samples + 2


@pytest.mark.parametrize(("cache", "hot"), [("hot", True), ("cold", False)])
def test_hot_products_are_run_once_before_and_never_flushed(
    device, costs, tmp_path, launched, cache, hot
):
    run(device, "Right", "Dense", tmp=tmp_path, cache=cache)
    assert {(b.hot, b.flush) for block in blocks(launched) for b in block} == {(hot, False)}


def test_percentiles_are_those_of_the_samples(device, costs, tmp_path, monkeypatch):
    costs["Right"] = 50.0
    got = run(device, "Right", "Dense", tmp=tmp_path)["Right"]
    assert got.record.p05_us == np.percentile(got.samples, 5)
    assert got.record.p95_us == np.percentile(got.samples, 95)


def test_a_batch_moves_its_vectors_too(device, costs, tmp_path):
    problem = replace(PROBLEM, batch=3)
    record = run(device, "Right", tmp=tmp_path, problem=problem)["Right"].record
    assert record.status == "ok"
    assert record.bytes_moved == record.packed_bytes + 3 * (600 + 48) * 4


def test_a_hot_matrix_larger_than_the_cache_is_flagged(device, costs, tmp_path, monkeypatch):
    monkeypatch.setattr(FakeDevice, "cache_bytes", 1000)
    record = run(device, "Right", tmp=tmp_path, cache="hot")["Right"].record
    assert "exceeds-cache" in record.flags


def test_a_matrix_that_needs_too_many_copies_is_flushed(device, costs, tmp_path):
    record = run(device, "Right", tmp=tmp_path, problem=Problem(4, 40, 0.5))["Right"].record
    assert (record.cache_method, record.copies) == ("flush", 1)
    assert device.flushes >= record.samples


@pytest.mark.parametrize(
    ("packed", "room", "method", "copies"),
    [
        (100, 10**9, "rotate", 30),
        (1000, 10**9, "rotate", 3),
        (3000, 0, "rotate", 1),
        (100, 2999, "flush", 1),
        (1, 10**9, "flush", 1),
    ],
)
def test_rotation_is_chosen_where_its_copies_fit(packed, room, method, copies):
    assert CacheState.of("cold", packed, 1000, room) == CacheState(method, copies)
    assert copies <= MAX_COPIES


def test_formats_that_do_not_fit_together_are_grouped_each_with_the_dense_one():
    dense, sparse = strangers.Dense(), strangers.Right()
    entries = [Entry(n, i, sparse, 40) for i, n in enumerate("abc")] + [Entry("d", 3, dense, 20)]
    assert [[e.name for e in g] for g in groups(entries, 100)] == [["d", "a", "b"], ["d", "c"]]
    assert [[e.name for e in g] for g in groups(entries, 1)] == [["d", n] for n in "abc"]


def test_a_lossy_dense_format_is_in_one_group_as_a_sparse_one_is():
    dense, lossy, sparse = strangers.Dense(), strangers.Rounds(), strangers.Right()
    entries = [Entry("d", 0, dense, 20), Entry("l", 1, lossy, 40), Entry("a", 2, sparse, 40)]
    assert [[e.name for e in g] for g in groups(entries, 60)] == [["d", "l"], ["d", "a"]]


def test_groups_are_blocks_and_the_dense_row_is_recorded_once(device, costs, tmp_path, monkeypatch):
    monkeypatch.setattr(device, "free_bytes", lambda: 300_000)
    names = ("Right", "DropsSmallValues", "Dense")
    case = Case("t", PROBLEM, tuple(map(stranger, names)), "cold", 1, QUICK)
    found = [m.record for m in measure(case, device, Watch(tmp_path / "watch"))]
    assert sorted(r.format.rpartition(":")[2] for r in found) == sorted(names)
    assert sorted(r.block for r in found) == [0, 0, 1]
    assert all(r.speedup is not None for r in found)


def test_foreign_load_is_flagged(device, costs, tmp_path):
    device.load = 0.12
    assert run(device, "Right", tmp=tmp_path)["Right"].record.flags.startswith("contended:12%")


def test_threads_that_read_slower_together_than_one_alone_are_flagged(device, costs, tmp_path):
    device.alone_gbps = FIXED_GBPS * 2
    record = run(device, "Right", tmp=tmp_path, threads=2)["Right"].record
    assert record.flags.startswith("busy-core")


def test_a_cold_row_faster_than_memory_is_flagged(device, costs, tmp_path):
    costs["Right"] = 1.0
    assert "above-bandwidth" in run(device, "Right", tmp=tmp_path)["Right"].record.flags


def test_a_product_that_is_mostly_call_overhead_is_flagged(device, costs, tmp_path):
    assert "mostly-overhead" in run(device, "Right", tmp=tmp_path)["Right"].record.flags


def test_every_block_has_one_sample_of_every_format(device, costs, tmp_path):
    got = run(device, "Right", "Dense", "DropsSmallValues", tmp=tmp_path)
    assert len({m.samples.size for m in got.values()}) == 1


SHAPES = {
    "drift": lambda call: 50.0 + call / 10,
    "bimodal": lambda call: 50.0 + 10.0 * (call * 7 % 5 < 2),
    "correlated": lambda call: 50.0 + call // 8 % 2,
    "outliers:": lambda call: 90.0 if call % 10 == 0 else 50.0 + call * 7 % 5 / 100,
}


@pytest.mark.parametrize("flag", SHAPES)
def test_samples_of_an_odd_shape_are_flagged(device, costs, tmp_path, monkeypatch, flag):
    calls = itertools.count()
    monkeypatch.setattr(
        type(resolve(stranger("Right"))),
        "habit",
        lambda *_: device.clock.advance(SHAPES[flag](next(calls))),
    )
    patient = Timing(budget_s=0.01, min_samples=60)
    record = run(device, "Right", tmp=tmp_path, timing=patient)["Right"].record
    assert flag in record.flags
    readme = (HERE.parent / "results" / "README.md").read_text()
    assert f"| `{flag}" in readme


def test_alike_samples_are_worth_as_many_as_they_are(device, costs, tmp_path):
    record = run(device, "Right", tmp=tmp_path)["Right"].record
    assert record.effective_samples == record.samples
    assert "correlated" not in record.flags
