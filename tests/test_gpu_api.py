"""`spmvbench.macko` and `spmvbench.torch` on a real GPU. Skipped where there is none."""

from __future__ import annotations

import numpy as np
import pytest

import spmvbench
from spmvbench.battery import BATTERY
from spmvbench.dtypes import DTYPES

cupy = pytest.importorskip("cupy", reason="CuPy is not installed: pip install 'spmvbench[cuda13]'")
pytestmark = pytest.mark.skipif(not cupy.is_available(), reason="no GPU is visible")

TYPES = ("float16", "bfloat16", "float32")


def whole(*shape, seed=0):
    """Small integers: products of them are exact in every type."""
    return np.random.default_rng(seed).integers(-2, 3, shape)


@pytest.mark.parametrize("batch", [1, 2, 3, 8, 11])
@pytest.mark.parametrize("dtype", TYPES)
def test_products_are_exact(dtype, batch):
    dense, x = whole(333, 120).astype(DTYPES[dtype]), whole(120, batch, seed=1)
    there = cupy.asarray(x.astype(DTYPES[dtype]))
    y = spmvbench.macko(cupy.asarray(dense)) @ there
    exact = (dense.astype(float) @ x).astype(DTYPES[dtype])
    assert np.array_equal(y.get(), exact)


@pytest.mark.parametrize("name", BATTERY)
def test_matrices_of_the_battery_come_back(name):
    dense = BATTERY[name]("bfloat16")
    back = spmvbench.macko(cupy.asarray(dense)).to_dense().get()
    assert np.array_equal((back + 0).view(np.uint16), (dense + 0).view(np.uint16))


def test_a_graph_holds_a_product_and_nothing_is_allocated():
    packed = spmvbench.macko(cupy.asarray(whole(333, 120).astype(np.float16)))
    x = cupy.asarray(whole(120, 3, seed=1).astype(np.float16))
    wanted = packed @ x
    y, stream = cupy.zeros_like(wanted), cupy.cuda.Stream(non_blocking=True)
    cupy.cuda.Device().synchronize()
    used = cupy.get_default_memory_pool().used_bytes()
    with stream:
        stream.begin_capture()
        packed.matvec(x, out=y)
        graph = stream.end_capture()
    assert cupy.get_default_memory_pool().used_bytes() == used
    graph.launch(stream)
    stream.synchronize()
    assert cupy.array_equal(y, wanted)


@pytest.fixture(scope="module")
def torch():
    found = pytest.importorskip("torch", reason="no torch: pip install 'spmvbench[torch]'")
    if not found.cuda.is_available():
        pytest.skip("this torch has no CUDA")
    return found


def layer(torch, dtype):
    made = torch.nn.Linear(120, 333, device="cuda", dtype=dtype)
    with torch.no_grad():
        made.weight.copy_(torch.from_numpy(whole(333, 120)))
        made.bias.zero_()
    return made


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("batch", [1, 3, 8])
def test_a_packed_layer_gives_what_the_dense_one_does(torch, dtype, batch):
    dense = layer(torch, getattr(torch, dtype))
    packed = spmvbench_torch().Linear.from_dense(dense)
    x = torch.from_numpy(whole(batch, 120, seed=1)).to("cuda", dense.weight.dtype)
    with torch.no_grad():
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            y = packed(x)
        stream.synchronize()
        torch.testing.assert_close(y, dense(x), rtol=torch.finfo(y.dtype).eps, atol=0)


def test_a_layer_goes_to_the_gpu_and_back(torch):
    dense = layer(torch, torch.float16)
    packed = spmvbench_torch().Linear.from_dense(dense.cpu())
    packed.to("cuda")
    assert packed.matrix.device.startswith("cuda")
    assert torch.equal(packed.to("cpu").to_dense().weight, dense.weight)


def test_a_cuda_graph_of_pytorch_holds_a_layer(torch):
    packed = spmvbench_torch().Linear.from_dense(layer(torch, torch.float16))
    x = torch.from_numpy(whole(3, 120, seed=1)).to("cuda", torch.float16)
    with torch.no_grad():
        wanted = packed(x)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            y = packed(x)
        y.zero_()
        graph.replay()
        torch.cuda.synchronize()
    assert torch.equal(y, wanted)


def spmvbench_torch():
    import spmvbench.torch

    return spmvbench.torch
