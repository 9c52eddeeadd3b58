"""auto on a GPU: the likely fastest format of those that take the problem."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from cuda_strangers import FakeCudaDevice
from test_formats import uniform

from spmvbench.case import Case, Timing
from spmvbench.conformance import conform
from spmvbench.cuda import choices
from spmvbench.cuda.model import Model, slug
from spmvbench.devices.cuda import CudaDevice
from spmvbench.formats import names, resolve
from spmvbench.formats.auto import CHOICES, ON_CUDA, choice_on_gpu
from spmvbench.measure import measure
from spmvbench.prepare import find, predict_bytes
from spmvbench.problems import Problem
from spmvbench.watch import Watch

H200 = Model("nvidia-h200", 132)
HALF = Problem(4096, 4096, 0.5)
QUICK = Timing(budget_s=0.01, min_samples=3)
LINE = choices.Line("gpu", 132, 16, 1, "macko", 4096, 4096, 0.5, 1.0, "predicted")


@pytest.fixture
def times(monkeypatch):
    """Sets the table: times by format, alike for all matrices, batches and types."""

    def are(**times):
        lines = [
            replace(LINE, format=name.replace("_", "-"), median_us=us, bits=bits)
            for name, us in times.items()
            for bits in (16, 32)
        ]
        monkeypatch.setattr(choices, "table", lambda: lines)

    return are


def watch(tmp_path):
    return Watch(tmp_path / "watch")


def chosen(problem=HALF, density=0.5, gpu=H200):
    return choice_on_gpu(density, problem, gpu).name


def test_the_fastest_of_the_table_is_chosen(times):
    times(macko=3, slab4=1, bitmap=2)
    assert chosen() == "slab4"


def test_a_format_that_is_not_there_is_passed_over(times):
    times(macko=3, slab_of_tomorrow=1, bitmap=2)
    assert chosen() == "bitmap"


@pytest.mark.parametrize(
    ("problem", "name"),
    [
        (Problem(64, 4096, 0.5, "bfloat16"), "slab4"),
        (Problem(64, 4096, 0.5, "float32"), "csr16"),
        (Problem(64, 4096, 0.5, batch=2), "csr16"),
        (Problem(64, 65_537, 0.5, batch=8), "macko"),
        (Problem(64, 262_145, 0.5), "macko"),  # no slab counts so many
    ],
)
def test_a_format_that_does_not_take_the_problem_is_passed_over(times, problem, name):
    times(slab4=1, csr16=2, macko=3)
    assert chosen(problem) == name


@pytest.mark.parametrize(("cols", "name"), [(25_000, "slab4"), (60_000, "csr16")])
def test_a_format_whose_x_does_not_fit_in_shared_memory_is_passed_over(
    times, fake_cupy, monkeypatch, cols, name
):
    runtime = fake_cupy.cuda.runtime
    small = runtime.getDeviceProperties(0) | {"sharedMemPerBlockOptin": 99 << 10}
    monkeypatch.setattr(runtime, "getDeviceProperties", lambda number: small)
    times(slab4=1, csr16=2, macko=3)
    assert chosen(Problem(64, cols, 0.5)) == name


def test_values_of_32_bits_have_times_of_their_own(monkeypatch):
    wide = replace(LINE, format="bitmap", bits=32)
    monkeypatch.setattr(choices, "table", lambda: [LINE, wide])
    assert chosen(Problem(64, 4096, 0.5)) == "macko"
    assert chosen(Problem(64, 4096, 0.5, "float32")) == "bitmap"


def test_without_times_it_is_dense(times):
    times()
    assert chosen() == "dense-f16"


# Of the table that comes with the package, whatever it was made of.

EXTREMES = [
    *((1, cols, d) for cols in (1, 1000, 200_000) for d in (0, 1e-6, 0.5, 1)),
    *((rows, 1, d) for rows in (0, 1, 10**6) for d in (0, 0.5, 1)),
    *((rows, 4096, d) for rows in (32, 1024, 11_008, 10**6) for d in (0.003, 0.33, 0.99)),
    (4096, 0, 0),
]


@pytest.mark.parametrize("gpu", [H200, Model("gpu-unknown", 4)], ids=["known", "unknown"])
@pytest.mark.parametrize(("rows", "cols", "density"), EXTREMES)
def test_every_matrix_has_a_choice_that_takes_it(rows, cols, density, gpu):
    for dtype, batch in (("float16", 1), ("bfloat16", 1), ("float16", 8), ("float32", 4)):
        problem = Problem(rows, cols, density, dtype, batch=batch)
        fmt = choice_on_gpu(density, problem, gpu)
        assert fmt.name in ON_CUDA
        assert fmt.unavailable("cuda", problem) is None


def test_a_full_matrix_is_multiplied_densely():
    for rows, cols in ((4096, 4096), (12288, 12288), (28672, 8192), (4096, 11008)):
        assert chosen(Problem(rows, cols, 1.0), 1.0) == "dense-f16"


def test_a_sparse_one_is_not():
    for density in (0.01, 0.1, 0.5):
        assert chosen(Problem(12288, 12288, density), density) != "dense-f16"


def test_what_the_table_has_is_chosen_as_it_says():
    problems = defaultdict(dict)
    for line in choices.table():
        if (line.bits, line.batch) == (16, 1):
            gpu = Model(line.device, line.multiprocessors)
            problems[gpu, line.rows, line.cols, line.density][line.format] = line.median_us
    for (gpu, rows, cols, density), times in problems.items():
        name = chosen(Problem(rows, cols, density), density, gpu)
        known = {name: us for name, us in times.items() if name in names()}
        assert known[name] <= 1.001 * min(known.values())


# Packing and multiplying, on the stand-in for CuPy.


def bound(**columns):
    """auto as the harness asks it to pack, for a matrix of 70 x 300."""
    return find("auto", CudaDevice(), Problem(70, 300, 0.4, **columns))


@pytest.mark.parametrize("name", ["macko-fast", "bitmap", "csr16", "dense-f16"])
def test_what_packs_on_the_device_is_packed_there(fake_cupy, times, name):
    times(**{name: 1})
    dense = uniform(70, 300, 0.4)
    packed = bound().pack(fake_cupy.asarray(dense))
    assert packed.layout == name
    own = resolve(name).pack(dense)
    assert {k: a.get().tobytes() for k, a in packed.arrays.items()} == {
        k: a.tobytes() for k, a in own.arrays.items()
    }


def test_what_packs_on_the_host_is_packed_there(fake_cupy, times, monkeypatch):
    times(slab5=1)
    monkeypatch.setattr("spmvbench.formats.slab.Slab5.packs_on", ("cpu",))
    dense = uniform(70, 300, 0.4)
    packed = bound().pack(fake_cupy.asarray(dense))
    assert packed.layout == "slab5"
    assert packed.on_host
    np.testing.assert_array_equal(resolve("auto").unpack(packed), dense)


def test_a_matrix_on_the_host_is_packed_for_the_gpu_too_where_the_problem_is_for_one(
    fake_cupy, times
):
    times(slab5=1)
    assert bound().pack(uniform(70, 300, 0.4)).layout == "slab5"
    assert bound(batch=2).pack(uniform(70, 300, 0.4)).layout == "dense-f16"


def test_without_a_problem_the_place_of_the_matrix_decides(fake_cupy, times):
    times(slab5=1)
    dense = uniform(70, 300, 0.4)
    assert resolve("auto").pack(fake_cupy.asarray(dense)).layout == "slab5"
    assert resolve("auto").pack(dense).layout in CHOICES


def test_on_a_cpu_a_problem_changes_nothing(times):
    times(slab5=1)
    fmt = resolve("auto").for_problem("cpu", Problem(70, 300, 0.4))
    assert fmt.pack(uniform(70, 300, 0.4)).layout in CHOICES


def test_some_rows_of_a_problem_are_packed_as_all_of_it(fake_cupy, monkeypatch):
    large = Problem(4096, 4096, 0.05)
    asked = []
    monkeypatch.setattr(choices, "times_us", lambda product, _: asked.append(product) or {})
    predict_bytes(find("auto", CudaDevice(), large), fake_cupy.asarray(uniform(128, 96, 0.05)))
    assert (asked[0].rows, asked[0].cols, asked[0].bits) == (4096, 4096, 16)
    assert asked[0].density == pytest.approx(0.05, abs=0.02)
    assert (asked[0].device, asked[0].multiprocessors) == ("nvidia-fake-gpu", 4)


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_zeros_of_either_sign_do_not_count_and_nan_does(fake_cupy, monkeypatch, zero):
    asked = []
    monkeypatch.setattr(choices, "times_us", lambda product, _: asked.append(product) or {})
    dense = np.full((2, 4), zero, np.float16)
    dense[0, 0] = np.nan
    bound().pack(fake_cupy.asarray(dense))
    assert asked[0].density == 1 / 8


@pytest.mark.parametrize("name", [name for name in ON_CUDA if name in names()])
def test_every_choice_is_measured_right(fake_cupy, times, tmp_path, name):
    times(**{name: 1})
    case = Case("t", Problem(70, 300, 0.4), ("auto", "dense-f16"), "cold", 0, QUICK, timed=False)
    got = {m.record.format: m.record for m in measure(case, FakeCudaDevice(), watch(tmp_path))}
    assert (got["auto"].status, got["auto"].layout) == ("ok", name)
    assert (got["auto"].lossless, got["auto"].dense) == (True, False)
    assert got["auto"].x_dtype == got["auto"].y_dtype == "float16"


@pytest.mark.parametrize(("dtype", "batch"), [("float32", 1), ("bfloat16", 8), ("float16", 2)])
def test_other_types_and_several_vectors_are_measured_right(
    fake_cupy, times, tmp_path, dtype, batch
):
    times(slab4=1, csr16=2)
    problem = Problem(70, 300, 0.4, dtype=dtype, batch=batch)
    (got,) = measure(
        Case("t", problem, ("auto",), "cold", 0, QUICK, timed=False),
        FakeCudaDevice(),
        watch(tmp_path),
    )
    expected = "slab4" if (dtype, batch) == ("float16", 1) else "csr16"
    assert (got.record.status, got.record.layout) == ("ok", expected)


def test_a_batch_without_a_kernel_is_said():
    reason = "auto takes 1, 2, 4, 8 columns of x on cuda, not 3"
    assert resolve("auto").unavailable("cuda", Problem(8, 8, 0.5, batch=3)) == reason


@pytest.mark.parametrize("name", ["macko-fast", "slab4"])
def test_the_battery_finds_nothing(fake_cupy, times, tmp_path, name):
    times(**{name: 1})
    todo = [("one row", "float16", 1), ("no columns", "bfloat16", 4), ("all zero", "float32", 1)]
    verdicts = conform("auto", FakeCudaDevice(), watch(tmp_path), todo)
    assert [(v.status, v.reason) for v in verdicts] == 3 * [("ok", "")]


@pytest.mark.parametrize("layout", ["", "slab7", "dense-int8"])
def test_arrays_of_no_known_layout_are_refused_in_one_line(layout):
    packed = replace(resolve("bitmap").pack(uniform(4, 40, 0.5)), layout=layout)
    with pytest.raises(ValueError, match=r"^auto: the layout is '.*', expected one of .*$"):
        resolve("auto").unpack(packed)


def test_a_gpu_is_named_as_its_results_folder_is():
    assert slug("NVIDIA H100 80GB HBM3") == "nvidia-h100-80gb-hbm3"
