"""A matrix that never leaves the device is measured as one on the host is."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from cuda_strangers import FakeCudaDevice

from spmvbench.battery import BATTERY
from spmvbench.case import Case, Timing
from spmvbench.check import check, distance, expect
from spmvbench.conformance import conform
from spmvbench.dtypes import DTYPES, is_on_host
from spmvbench.formats import resolve
from spmvbench.formats.base import Precision
from spmvbench.measure import measure
from spmvbench.prepare import Task, predict_bytes
from spmvbench.problems import Problem, build, count_nonzero
from spmvbench.sampling import vectors
from spmvbench.watch import Watch

FILE = Path(__file__).parent / "cuda_strangers.py"
PROBLEM = Problem(150, 1100, 0.4)
EXACT = ("start", "stop", "y", "magnitude", "terms", "on_grid")


def stranger(name):
    return f"{FILE}:{name}"


def class_of(name):
    return type(resolve(stranger(name)))


@pytest.fixture
def run(fake_cupy, tmp_path):
    device = FakeCudaDevice()
    class_of("OnDevice").packed_from.clear()
    class_of("FromHost").seen.clear()

    def measured(*names, problem=PROBLEM, timed=False):
        timing = Timing(budget_s=0.01, min_samples=3)
        case = Case("t", problem, tuple(map(stranger, names)), "cold", 1, timing, timed=timed)
        found = measure(case, device, Watch(tmp_path / "watch"))
        return {m.record.format.rpartition(":")[2]: m.record for m in found}

    return measured


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_every_format_gets_what_it_can_take(run, dtype, batch):
    names = ("OnDevice", "LossyOnDevice", "FromHost", "LossyFromHost")
    got = run(*names, problem=replace(PROBLEM, dtype=dtype, batch=batch))
    assert {name: got[name].status for name in names} == dict.fromkeys(names, "ok"), got
    assert set(class_of("OnDevice").packed_from) == {"device"}


def test_the_small_matrix_of_the_overhead_is_packed_on_the_device_too(run, monkeypatch):
    nanoseconds = count(0, 1000)
    monkeypatch.setattr("fake_device.FakeClock.__call__", lambda _: next(nanoseconds))
    assert run("OnDevice", timed=True)["OnDevice"].overhead_us is not None
    assert set(class_of("OnDevice").packed_from) == {"device"}


def test_formats_that_know_the_host_only_share_one_copy(run):
    run("FromHost", "LossyFromHost")
    whole = [dense for dense in class_of("FromHost").seen if len(dense) == PROBLEM.rows]
    assert len(whole) == 2
    assert whole[0] is whole[1]
    assert whole[0].tobytes() == build(PROBLEM).tobytes()


def test_nothing_is_copied_to_the_host_where_nobody_asks(run, monkeypatch):
    monkeypatch.setattr(Task, "_on_host", property(lambda self: pytest.fail("copied")))
    assert run("OnDevice", "LossyOnDevice")["OnDevice"].status == "ok"


def test_the_host_copy_cannot_be_written(run):
    got = run("SpoilsTheHostCopy", "FromHost")
    assert got["SpoilsTheHostCopy"].status == "error"
    assert "read-only" in got["SpoilsTheHostCopy"].reason
    assert got["FromHost"].status == "ok"


def test_a_wrong_product_names_its_row_and_column(run):
    record = run("WrongOnDevice")["WrongOnDevice"]
    column = np.flatnonzero(build(PROBLEM)[0])[5]
    assert record.status == "wrong"
    assert record.reason.startswith(f"row 0, column {column}: saw ")


def test_counts_distance_and_bytes_are_those_of_the_host(run):
    record = run("OnDevice", "LossyOnDevice")
    dense = build(PROBLEM)
    int8 = resolve("dense-int8")
    packed = int8.pack(dense)
    assert record["OnDevice"].nnz == np.count_nonzero(dense)
    assert record["OnDevice"].packed_bytes == resolve("macko").pack(dense).nbytes
    assert record["LossyOnDevice"].distance == distance(dense, int8.unpack(packed)) > 0


def test_bytes_are_predicted_from_rows_on_the_device(fake_cupy):
    there, dense = build(PROBLEM, "cuda"), build(PROBLEM)
    for name in ("macko", "bitmap", "dense-int4"):
        assert predict_bytes(resolve(name), there) == predict_bytes(resolve(name), dense)
    fmt = resolve(stranger("FromHost"))
    assert predict_bytes(fmt, there) == predict_bytes(fmt, dense)


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("OnDevice", "ok", ""),
        ("FromHost", "ok", ""),
        ("PacksOtherwise", "wrong", "packing on the device gives other bytes than on the host"),
        ("SpoilsItsInput", "wrong", "packing on the device changes the matrix that it is given"),
    ],
)
def test_the_battery_compares_the_bytes_of_device_and_host(
    fake_cupy, tmp_path, name, status, reason
):
    device = FakeCudaDevice()
    cells = [("one row", "float16", 1), ("gaps around 16 and 32", "float32", 1)]
    verdicts = conform(stranger(name), device, Watch(tmp_path / "watch"), cells)
    assert [(v.status, v.reason) for v in verdicts] == 2 * [(status, reason)]


def expectations(dense, cupy, batch=2):
    """Of the host and of the device, one after the other, flattened."""
    problem = Problem(*dense.shape, 0.5, batch=batch)
    x, *others = vectors(problem, Timing())
    both = expect(dense, x, others), expect(cupy.asarray(dense), x, others)
    return zip(*([one for parts in found for one in parts] for found in both), strict=True)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_what_is_expected_is_the_same_for_generated_matrices(fake_cupy, monkeypatch, dtype):
    monkeypatch.setattr("spmvbench.check.DEVICE_CHUNK", 5000)  # several chunks
    dense = build(Problem(40, 1300, 0.4, dtype=dtype))
    for host, there in expectations(dense, fake_cupy):
        for name in EXACT:
            assert isinstance(getattr(there, name), (int, np.ndarray))
            np.testing.assert_array_equal(getattr(there, name), getattr(host, name))


@pytest.mark.parametrize("matrix", ["NaN and Inf", "no columns", "all zero", "minus zeros"])
def test_what_is_expected_of_odd_matrices_is_the_same(fake_cupy, matrix):
    for host, there in expectations(BATTERY[matrix]("float16"), fake_cupy):
        for name in EXACT:
            np.testing.assert_array_equal(getattr(there, name), getattr(host, name))


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_what_is_expected_of_subnormal_weights_is_not_zero(fake_cupy, dtype):
    dense = np.array([[2.0**-130, 0.0, -(2.0**-128)]]).astype(DTYPES[dtype])
    x = np.ones((3, 1), np.float32)
    ((whole, _),) = expect(fake_cupy.asarray(dense), x)
    assert whole.y.tolist() == [[2.0**-130 - 2.0**-128]]


def test_what_is_expected_of_weights_off_the_grid_is_the_same_within_rounding(fake_cupy):
    dense = np.random.default_rng(3).normal(size=(60, 700)).astype(np.float32)
    for host, there in expectations(dense, fake_cupy):
        assert not there.on_grid.any()
        np.testing.assert_allclose(there.y, host.y, rtol=0, atol=1e-12 * host.magnitude.max())


def test_one_changed_value_is_located_in_a_matrix_on_the_device(fake_cupy):
    dense = build(Problem(20, 900, 0.5))
    problem = Problem(20, 900, 0.5)
    x, *others = vectors(problem, Timing())
    changed = dense.astype(np.float64)
    changed[7, 801] += 0.5
    (parts, *_) = expect(fake_cupy.asarray(dense), x, others)
    precision = Precision("float16", "float32", "float32", "float32")
    fault = check(lambda v: changed @ v, fake_cupy.asarray(dense), x, parts, precision)
    assert (fault.row, fault.column) == (7, 801)


@pytest.mark.parametrize("matrix", BATTERY)
def test_nonzeros_are_counted_on_the_device(fake_cupy, monkeypatch, matrix):
    monkeypatch.setattr("spmvbench.problems.chunks.DEVICE_CHUNK", 1000)
    dense = BATTERY[matrix]("bfloat16")
    there = fake_cupy.asarray(dense)
    assert not is_on_host(there)
    assert count_nonzero(there) == count_nonzero(dense)
