"""The whole harness on a stand-in for CuPy, in real workers: a CUDA run without a GPU."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cuhost.host_module import missing

from spmvbench.case import Case, Timing
from spmvbench.formats.auto import ON_CUDA
from spmvbench.problems import Problem
from spmvbench.process import WorkerProcess
from spmvbench.records import Results
from spmvbench.runner import Runner

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

HERE = Path(__file__).parent
QUICK = Timing(budget_s=0.02, min_samples=6, timeout_s=60)
OURS = (
    *("macko", "macko-fast", "csr16", "bitmap", "slab4", "slab5", "slab6", "slab-bitmap"),
    *("dense-f16", "dense-int8", "dense-int4"),
)


@pytest.fixture(autouse=True)
def workers_find_the_stand_in(monkeypatch):
    path = [HERE / "fakecupy", HERE, os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(str(p) for p in path if str(p)))


def stranger(name):
    return f"{HERE}/strangers_on_gpu.py:{name}"


def measured(tmp_path, *formats, cache="cold", shape=(40, 600), **problem):
    """The saved rows by short name, and how many workers it took."""
    case = Case("t", Problem(*shape, 0.5, **problem), formats, cache, 0, QUICK)
    started = []

    def start():
        started.append(WorkerProcess("cuda"))
        return started[-1]

    with Results(tmp_path / "r") as results:
        runner = Runner(results, start(), start, lambda record: None)
        try:
            runner.measure(case)
        finally:
            runner.close()
        rows = {row.format.rpartition(":")[2]: row for row in results.rows}
    return rows, len(started)


@pytest.mark.parametrize(
    ("cache", "timer"), [("cold", "cuda_event"), ("hot", "cuda_graph")], ids=["cold", "hot"]
)
def test_our_formats_are_measured(tmp_path, cache, timer):
    rows, workers = measured(tmp_path, *OURS, cache=cache)
    assert {row.status for row in rows.values()} == {"ok"}
    assert {row.timer for row in rows.values()} == {timer}
    assert {row.x_dtype for row in rows.values()} == {"float16"}
    assert {row.device for row in rows.values()} == {"nvidia-fake-gpu"}
    assert {(row.registers, row.local_bytes) for row in rows.values()} == {(32, 0)}
    assert rows["macko"].baseline == "dense-f16"
    assert workers == 1


@pytest.mark.parametrize("cache", ["cold", "hot"])
def test_an_index_that_a_plan_has_built_is_in_the_bytes_that_are_moved(tmp_path, cache):
    rows, _ = measured(tmp_path, "macko", "macko-fast", cache=cache, shape=(5, 5000))
    plain, split = rows["macko"], rows["macko-fast"]
    assert (plain.status, split.status) == ("ok", "ok")
    assert split.packed_bytes == plain.packed_bytes
    assert split.bytes_moved == plain.bytes_moved + 5 * 4 * 4  # 5 steps a row: 4 parts


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_several_vectors_of_other_types_are_measured(tmp_path, dtype):
    rows, _ = measured(tmp_path, "macko", "dense-f16", dtype=dtype, batch=4)
    assert {row.status for row in rows.values()} == {"ok"}
    assert {row.y_dtype for row in rows.values()} == {dtype}


@pytest.mark.parametrize(("dtype", "batch"), [("float16", 1), ("float16", 8), ("float32", 1)])
def test_auto_is_measured_as_the_format_that_it_chose(tmp_path, dtype, batch):
    rows, _ = measured(tmp_path, "auto", "macko", "dense-f16", dtype=dtype, batch=batch)
    assert {row.status for row in rows.values()} == {"ok"}
    assert rows["auto"].layout in ON_CUDA
    assert (rows["auto"].registers, rows["auto"].baseline) == (32, "dense-f16")
    assert rows["auto"].speedup


def test_a_batch_without_a_kernel_is_said(tmp_path):
    rows, _ = measured(tmp_path, "macko", batch=3)
    assert rows["macko"].status == "unavailable"
    assert rows["macko"].reason == "macko takes 1, 2, 4, 8 columns of x on cuda, not 3"


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("Faults", "crashed", "the GPU's context is lost: cudaErrorIllegalAddress"),
        ("FaultsWhileTimed", "crashed", "the GPU's context is lost"),
        ("TakesTooMuch", "oom", "Out of memory allocating 2,147,483,648 bytes"),
    ],
)
def test_a_bad_format_costs_exactly_its_own_row(tmp_path, name, status, words):
    rows, workers = measured(tmp_path, "macko", stranger(name), "dense-f16")
    assert rows[name].status == status
    assert words in rows[name].reason
    assert rows[name].median_us is None
    assert {rows[n].status for n in ("macko", "dense-f16")} == {"ok"}
    assert rows["macko"].speedup
    assert workers > 1
