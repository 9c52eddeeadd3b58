"""On a real GPU: what a stand-in for CuPy cannot show. Skipped where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spmvbench.case import Case, Timing
from spmvbench.conformance import cells, conform
from spmvbench.formats import names, resolve
from spmvbench.formats.base import Format, Packed
from spmvbench.problems import Problem, build, vector
from spmvbench.process import WorkerProcess
from spmvbench.records import Results
from spmvbench.runner import Runner
from spmvbench.watch import Watch

cupy = pytest.importorskip("cupy", reason="CuPy is not installed: pip install 'spmvbench[cuda13]'")
pytestmark = pytest.mark.skipif(not cupy.is_available(), reason="no GPU is visible")

HERE = Path(__file__).parent
QUICK = Timing(budget_s=0.2, precision=0.005, min_samples=30, timeout_s=60)
OURS = (
    *("macko", "macko-fast", "csr16", "bitmap", "slab4", "slab5", "slab6", "slab-bitmap"),
    *("dense-f16", "dense-int8", "dense-int4"),
)


def on_gpu():
    """Names of what runs there."""
    return sorted(n for n in names() if not resolve(n).unavailable("cuda"))


@pytest.fixture(scope="module")
def device():
    from spmvbench.devices.cuda import CudaDevice

    return CudaDevice()


@pytest.mark.parametrize("name", on_gpu())
def test_a_format_is_right_on_the_battery(name, device, tmp_path):
    verdicts = list(conform(name, device, Watch(tmp_path / "watch"), cells("cuda")))
    bad = [v for v in verdicts if v.status not in ("ok", "unavailable")]
    assert not bad
    assert any(v.status == "ok" for v in verdicts)


@pytest.mark.parametrize("multiprocessors", [1, 2, 4])
def test_rows_that_warps_share_are_right_in_several_rounds(
    device, tmp_path, monkeypatch, multiprocessors
):
    from spmvbench.cuda import launch

    few = replace(launch.limits(), multiprocessors=multiprocessors)
    monkeypatch.setattr(launch, "limits", lambda: few)
    todo = [cell for cell in cells("cuda") if cell[0] in ("few long rows", "a row of 12,288")]
    verdicts = list(conform("macko-fast", device, Watch(tmp_path / "watch"), todo))
    assert {v.status for v in verdicts} == {"ok", "unavailable"}


def measured(tmp_path, *formats, cache="cold", problem=None):
    case = Case("t", problem or Problem(4096, 4096, 0.5), formats, cache, 0, QUICK)
    with Results(tmp_path / "r") as results:
        runner = Runner(results, WorkerProcess("cuda"), lambda: WorkerProcess("cuda"), str)
        try:
            runner.measure(case)
        finally:
            runner.close()
        return {row.format.rpartition(":")[2]: row for row in results.rows}


@pytest.mark.parametrize("cache", ["cold", "hot"])
def test_our_formats_are_measured(tmp_path, cache):
    rows = measured(tmp_path, *OURS, cache=cache)
    assert {row.status for row in rows.values()} == {"ok"}
    assert all(row.median_us > 0 for row in rows.values())


def test_a_hot_product_is_no_slower_than_a_cold_one(tmp_path):
    small = Problem(2048, 4096, 0.5)  # 16 MiB dense: inside the L2 cache of a server GPU
    cold = measured(tmp_path / "cold", "dense-f16", problem=small)["dense-f16"]
    hot = measured(tmp_path / "hot", "dense-f16", problem=small, cache="hot")["dense-f16"]
    assert hot.median_us <= 1.05 * cold.median_us


def test_a_kernel_that_faults_costs_its_own_row(tmp_path):
    rows = measured(tmp_path, "macko", f"{HERE}/test_gpu.py:ReadsNowhere", "dense-f16")
    assert rows["ReadsNowhere"].status == "crashed"
    assert "context is lost" in rows["ReadsNowhere"].reason
    assert {rows[n].status for n in ("macko", "dense-f16")} == {"ok"}


@pytest.mark.parametrize("shape", [(500, 700), (500, 7000)])
@pytest.mark.parametrize("name", OURS)
def test_a_product_can_be_part_of_a_cuda_graph(name, shape, device):
    problem, fmt = Problem(*shape, 0.3), resolve(name)
    dense = build(problem)
    matvec = fmt.plan(fmt.pack(dense), device)
    x, y = device.put(vector(problem, 0).astype(np.float16)), device.empty(500, "float16")
    matvec(x, y)
    once = device.get(y)
    stream = cupy.cuda.get_current_stream()
    stream.begin_capture()
    matvec(x, y)
    graph = stream.end_capture()
    y.fill(0)
    graph.launch(stream)
    np.testing.assert_array_equal(device.get(y), once)


@pytest.mark.parametrize("rows", [2048, 4096, 8192])
@pytest.mark.parametrize("name", ["slab4", "slab5", "slab6", "slab-bitmap"])
def test_slabs_of_many_rows_are_packed_as_on_the_host(name, rows):
    """The battery has few rows, which are cut in one way only."""
    fmt, dense = resolve(name), build(Problem(rows, 1500, 0.2))
    host, there = fmt.pack(dense), fmt.pack(cupy.asarray(dense))
    for key, array in host.arrays.items():
        assert there.arrays[key].get().tobytes() == array.tobytes(), key


def test_a_run_from_the_command_line_takes_the_gpu_by_itself(tmp_path):
    words = ["run", "smoke", "--out", str(tmp_path), "--only", "macko", "--only", "dense-f16"]
    path = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "spmvbench", *words],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "an empty kernel takes" in done.stdout


class ReadsNowhere(Format):
    """Writes to address 0, which no GPU allows."""

    name = "reads-nowhere"
    devices = ("cuda",)

    def pack(self, dense):
        return Packed(dense.shape, str(dense.dtype), {"values": np.array(dense)})

    def unpack(self, packed):
        return packed.arrays["values"].copy()

    def plan(self, packed, device):
        code = 'extern "C" __global__ void nowhere(int* p) { *p = 1; }'
        kernel = cupy.RawKernel(code, "nowhere")
        return lambda x, y: kernel((1,), (1,), (np.uint64(0),))
