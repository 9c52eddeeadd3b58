"""PyTorch's products of arrays on a GPU: a PyTorch for CPUs that is told they are there."""

from __future__ import annotations

import contextlib
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from gpu_stand_in import Gpu
from operators.built import MINE

from spmvbench.conformance import cells, conform
from spmvbench.formats import resolve
from spmvbench.problems import Problem
from spmvbench.watch import Watch

_torch = import_module("spmvbench.baselines._torch")

NAMES = ("dense-torch", "csr-torch")
SETTINGS = (
    "allow_fp16_reduced_precision_reduction",
    "allow_bf16_reduced_precision_reduction",
    "allow_tf32",
)


@pytest.fixture
def torch(fake_cupy, monkeypatch):
    """PyTorch with a GPU in its place; `entered` holds the streams that it was put on."""
    torch = pytest.importorskip("torch", reason="torch is not installed: spmvbench[torch]")
    entered = []

    def from_dlpack(array):
        assert array.__dlpack_device__()[0] == 2
        assert array.dtype.name in ("float16", "float32", "int16", "int32", "int64", "uint8")
        return torch.from_numpy(array.host)

    @contextlib.contextmanager
    def stream(number):
        entered.append(number)
        yield

    matmul = SimpleNamespace(**dict.fromkeys(SETTINGS, True))
    monkeypatch.setattr(torch, "from_dlpack", from_dlpack)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "ExternalStream", lambda pointer: pointer)
    monkeypatch.setattr(torch.cuda, "stream", stream)
    monkeypatch.setattr(torch.backends.cuda, "matmul", matmul)
    monkeypatch.setattr(_torch, "_version", lambda: "2.9.0")
    return SimpleNamespace(entered=entered, matmul=matmul, cuda=torch.cuda)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("dense-torch", name) for name in ("float16", "bfloat16", "float32")]
    + [("csr-torch", "bfloat16")],
)
def test_a_product_of_arrays_on_a_gpu_is_right(torch, fake_cupy, tmp_path, name, dtype):
    todo = [cell for cell in cells() if cell[1] == dtype and cell[0] != "65,537 columns"]
    verdicts = list(conform(name, Gpu(fake_cupy), Watch(tmp_path / "watch"), todo))
    assert {v.status for v in verdicts} == {"ok"}


def planned(name, fake_cupy):
    fmt, gpu = resolve(name), Gpu(fake_cupy)
    return fmt.plan(fmt.pack(np.eye(4, dtype=np.float32)), gpu), gpu


@pytest.mark.parametrize("name", NAMES)
def test_the_product_runs_on_the_current_stream_of_cupy(torch, fake_cupy, name):
    matvec, gpu = planned(name, fake_cupy)
    streams = [fake_cupy.cuda.Stream(non_blocking=True) for _ in range(2)]
    for stream in streams:
        with stream:
            matvec(gpu.put(np.ones(4, np.float32)), gpu.empty(4, "float32"))
    assert torch.entered == [stream.ptr for stream in streams]


@pytest.mark.parametrize("name", NAMES)
def test_partial_sums_on_a_gpu_stay_in_float32(torch, fake_cupy, name):
    planned(name, fake_cupy)
    assert not any(getattr(torch.matmul, setting) for setting in SETTINGS)


@pytest.mark.parametrize("name", NAMES)
def test_a_gpu_that_pytorch_does_not_find_is_one_line(torch, fake_cupy, monkeypatch, name):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RuntimeError, match=r"^torch [\w.+]+ finds no GPU that it can use$"):
        planned(name, fake_cupy)


@pytest.mark.parametrize("name", NAMES)
def test_a_pytorch_for_cpus_is_unavailable_on_a_gpu(fake_cupy, monkeypatch, name):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setattr(_torch, "_version", lambda: "2.9.0+cpu")
    reason = resolve(name).unavailable("cuda")
    assert reason.startswith(f"{name}: torch 2.9.0+cpu is built for CPUs only; pip install torch")
    assert resolve(name).unavailable("cpu") is None


@pytest.mark.parametrize("name", NAMES)
def test_pytorch_on_a_gpu_needs_cupy_too(monkeypatch, name):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "torch" or None)
    monkeypatch.setattr(_torch, "_version", lambda: "2.9.0")
    assert resolve(name).unavailable("cuda").startswith(f"{name}: CuPy is not installed; pip")


# The package of MACKO's authors

PACKAGES = Path(__file__).parent / "standins" / "packages"


@pytest.fixture
def original(torch, monkeypatch):
    """A stand-in for their package, which refuses to read past the end."""
    monkeypatch.syspath_prepend(str(PACKAGES))


def test_the_original_macko_is_right_on_the_battery(original, fake_cupy, tmp_path):
    todo = [cell for cell in cells("cuda") if cell[1] == "float16" and cell[2] == 1]
    verdicts = list(conform("macko-original", Gpu(fake_cupy), Watch(tmp_path / "watch"), todo))
    assert not [v for v in verdicts if v.status != "ok"]


def test_the_original_macko_runs_on_the_current_stream(torch, original, fake_cupy):
    fmt, gpu = resolve("macko-original"), Gpu(fake_cupy)
    matvec = fmt.plan(fmt.pack(np.eye(4, dtype=np.float16)), gpu)
    stream = fake_cupy.cuda.Stream(non_blocking=True)
    with stream:
        matvec(gpu.put(np.ones(4, np.float16)), gpu.empty(4, "float16"))
    assert torch.entered == [stream.ptr]


@pytest.mark.parametrize(("rows", "entries"), [(1, 33), (31, 33), (32, 33), (33, 65)])
def test_the_originals_row_pointers_fill_whole_blocks(rows, entries):
    dense = np.ones((rows, 1), np.float16)
    padded = resolve("macko-original").pack(dense).arrays["row_pointers"]
    assert padded.size == entries
    assert padded[rows:].tolist() == [rows] * (entries - rows)


def test_the_original_macko_takes_one_vector_of_float16(original):
    fmt = resolve("macko-original")
    assert fmt.unavailable("cuda", Problem(4, 4, 0.5)) is None
    assert "takes one vector, not 2" in fmt.unavailable("cuda", Problem(4, 4, 0.5, batch=2))
    assert "not float32" in fmt.unavailable("cuda", Problem(4, 4, 0.5, dtype="float32"))
    assert "no kernel for cpu" in fmt.unavailable("cpu")


def test_without_the_authors_package_the_original_says_so(torch, monkeypatch):
    monkeypatch.delitem(sys.modules, "macko_spmv", raising=False)
    assert resolve("macko-original").unavailable("cuda") == (
        "macko-original: macko_spmv is not installed; docs/baselines.md says what it needs"
    )


# Operators of others

OPERATORS = {
    "dense": ("dense_into", "float16"),
    "csr": ("csr", "bfloat16"),
    "macko": ("macko", "float32"),
    "macko-padded": ("padded", "bfloat16"),
    "bitmap": ("bitmap", "float16"),
}


@pytest.mark.parametrize("layout", OPERATORS)
def test_an_operator_of_others_is_right_on_arrays_on_a_gpu(torch, fake_cupy, tmp_path, layout):
    operator, dtype = OPERATORS[layout]
    name = f"torch-op:{layout}/{dtype}:{MINE}:mine::{operator}"
    todo = [c for c in cells("cuda") if c[1:] == (dtype, 1) and c[0] != "65,537 columns"]
    verdicts = list(conform(name, Gpu(fake_cupy), Watch(tmp_path / "watch"), todo))
    assert not [v for v in verdicts if v.status != "ok"]


@pytest.mark.parametrize("operator", ["dense", "dense_into"])
def test_an_operator_of_others_runs_on_the_current_stream(torch, fake_cupy, operator):
    name = f"torch-op:dense:{MINE}:mine::{operator}"
    assert resolve(name).unavailable("cuda", Problem(4, 4, 0.5)) is None
    matvec, gpu = planned(name, fake_cupy)
    stream = fake_cupy.cuda.Stream(non_blocking=True)
    with stream:
        matvec(gpu.put(np.ones(4, np.float32)), gpu.empty(4, "float32"))
    assert torch.entered == [stream.ptr]


def test_an_operator_for_cpus_alone_is_unavailable_on_a_gpu(torch):
    reason = resolve(f"torch-op:dense:{MINE}:mine::only_cpu").unavailable(
        "cuda", Problem(4, 4, 0.5)
    )
    assert reason.endswith("mine::only_cpu has no kernel for cuda")
