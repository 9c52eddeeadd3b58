"""The runner with real workers: whatever a format does costs exactly its own row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from spmvbench.case import Case, Timing
from spmvbench.plan import RETRIED, plan
from spmvbench.problems import Problem
from spmvbench.process import WorkerProcess
from spmvbench.record import Record
from spmvbench.records import Results, samples
from spmvbench.runner import Runner

HERE = Path(__file__).parent
QUICK = Timing(budget_s=0.02, min_samples=30, timeout_s=3)
PATIENT = replace(QUICK, timeout_s=60)
CASE = Case("t", Problem(48, 600, 0.5), ("csr16", "dense-f16"), "hot", 1, QUICK)


def stranger(name):
    return f"{HERE}/strangers.py:{name}"


def measured(tmp_path, case, launches=1):
    """The saved rows by short name, and how many workers it took."""
    started = []

    def start():
        started.append(WorkerProcess("cpu"))
        return started[-1]

    with Results(tmp_path / "r") as results:
        runner = Runner(results, start(), start, lambda record: None, launches)
        try:
            runner.measure(case)
        finally:
            runner.close()
        rows = {row.format.rpartition(":")[2]: row for row in results.rows}
        assert len(rows) == len(results.rows)
    return rows, len(started)


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("Segfaults", "crashed", "SIGSEGV in the product"),
        ("SegfaultsWhileTimed", "crashed", "SIGSEGV in the product, while timed"),
        ("Hangs", "timeout", "still in the product after 3 s"),
        ("ClosesPipes", "timeout", "closed its pipe"),
        ("HoardsMemory", "oom", "out of memory"),
        ("CrashesLater", "crashed", "SIGSEGV"),
        ("EatsMemory", "oom", "out of memory"),
        ("Raises", "error", "no such kernel"),
        ("DropsOneValue", "wrong", "row 24, column"),
    ],
)
def test_a_bad_format_costs_exactly_its_own_row(tmp_path, name, status, words):
    case = replace(CASE, formats=("csr16", stranger(name), "dense-f16"))
    rows, _ = measured(tmp_path, case)
    assert rows[name].status == status
    assert words in rows[name].reason
    assert rows["csr16"].status == rows["dense-f16"].status == "ok"
    assert rows["csr16"].speedup is not None
    assert rows["csr16"].samples >= 30


def test_three_launches_are_three_processes_and_one_row(tmp_path):
    rows, workers = measured(tmp_path, replace(CASE, timing=PATIENT), launches=3)
    assert workers == 3
    row = rows["csr16"]
    counts = [int(count) for count in row.launch_samples.split(";")]
    assert (row.status, row.launches, len(counts)) == ("ok", 3, 3)
    taken = samples(tmp_path / "r", row.samples_offset, row.samples)
    medians = [np.median(own) for own in np.split(taken, np.cumsum(counts)[:-1])]
    assert row.samples == sum(counts)
    assert row.median_us == pytest.approx(np.median(medians), rel=1e-6)
    assert row.ci_low_us <= row.median_us <= row.ci_high_us
    assert rows["csr16"].baseline == rows["dense-f16"].baseline == "dense-f16"
    assert row.speedup_low <= row.speedup <= row.speedup_high


def test_a_format_that_is_wrong_in_the_second_launch_is_wrong(tmp_path, monkeypatch):
    monkeypatch.setenv("SPMVBENCH_TEST_STARTS", str(tmp_path / "starts"))
    case = replace(CASE, formats=(stranger("WrongInItsSecondProcess"), "dense-f16"), timing=PATIENT)
    rows, workers = measured(tmp_path, case, launches=3)
    bad = rows["WrongInItsSecondProcess"]
    assert (bad.status, bad.launches, bad.median_us) == ("wrong", 2, None)
    assert bad.reason.startswith("in launch 2: row 0, ")
    assert (rows["dense-f16"].status, rows["dense-f16"].launches, workers) == ("ok", 3, 3)


@pytest.mark.parametrize(
    ("name", "status"), [("SegfaultsWhileTimed", "crashed"), ("HoardsMemory", "oom")]
)
def test_a_format_that_takes_a_launch_down_costs_its_own_row_only(tmp_path, name, status):
    case = replace(CASE, formats=("csr16", stranger(name), "dense-f16"), timing=PATIENT)
    rows, _ = measured(tmp_path, case, launches=2)
    assert rows[name].status == status
    assert [rows[n].launches for n in ("csr16", "dense-f16")] == [2, 2]
    assert rows["csr16"].speedup is not None


def test_a_format_added_later_is_launched_as_often_beside_the_dense_one(tmp_path):
    case = replace(CASE, formats=("csr16",), anchors=("dense-f16",), timing=PATIENT)
    rows, _ = measured(tmp_path, case, launches=2)
    assert list(rows) == ["csr16"]
    assert (rows["csr16"].launches, rows["csr16"].baseline) == (2, "dense-f16")


def test_what_a_format_prints_disturbs_nothing(tmp_path):
    rows, workers = measured(tmp_path, replace(CASE, formats=(stranger("Prints"), "csr16")))
    assert {row.status for row in rows.values()} == {"ok"}
    assert workers == 1


def test_a_crash_while_timed_does_not_blame_the_others(tmp_path):
    names = (stranger("SegfaultsWhileTimed"), stranger("Segfaults"), "csr16")
    rows, _ = measured(tmp_path, replace(CASE, formats=names))
    assert rows["Segfaults"].status == rows["SegfaultsWhileTimed"].status == "crashed"
    assert rows["csr16"].status == "ok"


def test_a_stopped_worker_leaves_no_process(tmp_path):
    worker = WorkerProcess("cpu")
    pid = worker._process.pid
    worker.stop()
    worker.stop()
    assert not psutil.pid_exists(pid)


def test_rows_name_their_environment(tmp_path):
    rows, _ = measured(tmp_path, CASE)
    with Results(tmp_path / "r") as results:
        entry = results.environments[rows["csr16"].environment]
    assert {"device", "cores", "source_hash", "commit", "libraries", "python"} <= set(entry)


ENTRY = {"device": "d", "source_hash": "s", "libraries": {}}


def row(name, status="ok", **changes):
    return Record(
        **{
            "key": CASE.problem.key,
            "cache": "hot",
            "threads": 1,
            "format": name,
            "status": status,
            "protocol": QUICK.protocol,
            "environment": "here",
            "dense": name == "dense-f16",
            "baseline": "dense-f16",
        }
        | changes
    )


def left(rows, *, retry=False, current=ENTRY, monkeypatch):
    monkeypatch.setattr("spmvbench.plan.environment_id", lambda entry: "here")
    environments = {"here": ENTRY, "old": ENTRY | {"source_hash": "o"}, "lib": ENTRY}
    return plan([CASE], rows, environments, current, retry=retry)


def test_what_is_measured_is_not_measured_again(monkeypatch):
    got = left([row("csr16"), row("dense-f16")], monkeypatch=monkeypatch)
    assert (got.cases, got.done) == ([], 2)


def test_a_time_of_fewer_launches_than_asked_for_is_taken_again(monkeypatch):
    monkeypatch.setattr("spmvbench.plan.environment_id", lambda entry: "here")
    rows = [row("csr16", launches=2), row("dense-f16", launches=5)]
    for wanted, again in ((2, []), (3, [("csr16",)])):
        todo = plan([CASE], rows, {"here": ENTRY}, ENTRY, launches=wanted)
        assert [case.formats for case in todo.cases] == again


def test_a_format_that_was_wrong_in_one_launch_is_not_tried_in_more(monkeypatch):
    monkeypatch.setattr("spmvbench.plan.environment_id", lambda entry: "here")
    rows = [row("csr16", "wrong"), row("dense-f16", launches=3)]
    assert not plan([CASE], rows, {"here": ENTRY}, ENTRY, launches=3).cases


def test_a_format_left_out_may_still_be_the_anchor(monkeypatch):
    monkeypatch.setattr("spmvbench.plan.environment_id", lambda entry: "here")
    got = plan([CASE], [row("dense-f16")], {"here": ENTRY}, ENTRY, chosen=lambda n: n == "csr16")
    assert got.cases[0].formats == ("csr16",)
    assert got.cases[0].anchors == ("dense-f16",)


def test_a_time_that_was_taken_without_a_baseline_is_taken_again_beside_one(monkeypatch):
    (case,) = left([row("csr16", baseline="")], monkeypatch=monkeypatch).cases
    assert case.formats == ("csr16", "dense-f16")


def test_a_speedup_over_a_dense_format_that_was_outrun_is_measured_again(monkeypatch):
    case = replace(CASE, formats=("csr16", "slow", "dense-f16"))
    monkeypatch.setattr("spmvbench.plan.environment_id", lambda entry: "here")
    times = {"ci_low_us": 90.0, "ci_high_us": 110.0}
    rows = [
        row("csr16", baseline="slow"),
        row("slow", baseline="slow", dense=True, **times),
        row("dense-f16", ci_low_us=40.0, ci_high_us=50.0),
    ]
    (again,) = plan([case], rows, {"here": ENTRY}, ENTRY).cases
    assert again.formats == ("csr16", "slow")
    assert again.anchors == ("dense-f16",)


def test_a_changed_file_of_matrices_is_measured_again(monkeypatch):
    monkeypatch.setattr("spmvbench.plan.environment_id", lambda entry: "here")
    now = ENTRY | {"outside": {"w.npy": "2"}}
    before = {"here": ENTRY | {"outside": {"w.npy": "1"}}}
    rows = [row("csr16", source="w.npy"), row("dense-f16", source="w.npy")]
    assert plan([CASE], rows, before, now).cases
    assert not plan([CASE], rows, {"here": now}, now).cases


def test_a_missing_format_is_measured_beside_the_dense_one(monkeypatch):
    (case,) = left([row("dense-f16")], monkeypatch=monkeypatch).cases
    assert case.formats == ("csr16",)
    assert case.anchors == ("dense-f16",)


def test_a_missing_format_is_not_measured_beside_a_lossy_dense_one(monkeypatch):
    case = replace(CASE, formats=("csr16", "dense-int8", "dense-f16"))
    monkeypatch.setattr("spmvbench.plan.environment_id", lambda entry: "here")
    rows = [row("dense-f16"), row("dense-int8", dense=True, lossless=False)]
    (left_over,) = plan([case], rows, {"here": ENTRY}, ENTRY).cases
    assert left_over.formats == ("csr16",)
    assert left_over.anchors == ("dense-f16",)


@pytest.mark.parametrize("status", ["crashed", "timeout", "oom", "error"])
def test_failures_stay_until_a_retry(status, monkeypatch):
    rows = [row("csr16", status), row("dense-f16")]
    assert left(rows, monkeypatch=monkeypatch).cases == []
    assert left(rows, retry=True, monkeypatch=monkeypatch).cases[0].formats == ("csr16",)
    assert status in RETRIED


@pytest.mark.parametrize("status", ["wrong", "unavailable"])
def test_wrong_and_unavailable_stay_also_in_a_retry(status, monkeypatch):
    rows = [row("csr16", status), row("dense-f16")]
    assert left(rows, retry=True, monkeypatch=monkeypatch).cases == []


def test_what_was_unavailable_is_tried_again_when_libraries_changed(monkeypatch):
    rows = [row("csr16", "unavailable", environment="lib"), row("dense-f16", environment="lib")]
    assert left(rows, monkeypatch=monkeypatch).cases[0].formats == ("csr16",)


@pytest.mark.parametrize(
    "change", [{"environment": "old"}, {"protocol": "0"}, {"environment": "unknown"}]
)
def test_rows_of_other_source_or_protocol_are_measured_again(change, monkeypatch):
    got = left([row("csr16", **change), row("dense-f16")], monkeypatch=monkeypatch)
    assert got.cases[0].formats == ("csr16",)


def test_a_changed_outside_format_is_measured_again(monkeypatch):
    case = replace(CASE, formats=("f.py:F",))
    monkeypatch.setattr("spmvbench.plan.environment_id", lambda entry: "here")
    now = ENTRY | {"outside": {"f.py:F": "2"}}
    before = {"here": ENTRY | {"outside": {"f.py:F": "1"}}}
    assert plan([case], [row("f.py:F")], before, now).cases
    assert not plan([case], [row("f.py:F")], {"here": now}, now).cases
