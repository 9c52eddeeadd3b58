from __future__ import annotations

import ctypes.util
import os

import numpy as np
import pytest

from spmvbench.devices import open_device
from spmvbench.devices.base import Launch
from spmvbench.devices.cpu import ALIGNMENT, CpuDevice, _kib
from spmvbench.errors import DeviceError


@pytest.fixture(scope="module")
def device():
    return CpuDevice()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "uint8", "int64"])
@pytest.mark.parametrize("shape", [0, 7, (3, 0), (5, 9)])
def test_arrays_are_aligned_and_of_the_shape_asked_for(device, dtype, shape):
    array = device.empty(shape, dtype)
    assert array.shape == ((shape,) if isinstance(shape, int) else shape)
    assert str(array.dtype) == dtype
    assert array.ctypes.data % ALIGNMENT == 0 or array.size == 0


def test_libraries_that_are_loaded_later_are_told_the_threads(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    CpuDevice().configure(threads=1, batch=1)
    assert os.environ["OMP_NUM_THREADS"] == "1"


@pytest.mark.skipif(not ctypes.util.find_library("gomp"), reason="no OpenMP of GNU here")
def test_openmp_that_is_loaded_is_told_the_threads(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    openmp = ctypes.CDLL(ctypes.util.find_library("gomp"))
    CpuDevice().configure(threads=1, batch=1)
    assert openmp.omp_get_max_threads() == 1


def test_put_makes_a_copy(device):
    host = np.arange(6.0).reshape(2, 3)
    there = device.put(host)
    host[0, 0] = 9
    assert there[0, 0] == 0
    np.testing.assert_array_equal(device.get(there)[1], [3, 4, 5])


def test_a_launch_is_timed_by_the_clock_and_the_product_that_heats_the_cache_is_not():
    ticks = iter([0, 5000, 10000, 17000])
    calls = []
    device = CpuDevice(clock=lambda: next(ticks))
    x = y = np.zeros(1)
    launches = [
        Launch(lambda x, y: calls.append("a"), x, y, hot=True),
        Launch(lambda x, y: calls.append("b"), x, y),
    ]
    marks = []
    assert device.time(launches, marks.append) == [5.0, 7.0]
    assert calls == ["a", "a", "b"]
    assert marks == [0, 1]


def test_a_flush_comes_before_the_clock_starts(monkeypatch):
    events = []
    device = CpuDevice(clock=lambda: events.append("clock") or 0)
    monkeypatch.setattr(device, "_flush", lambda: events.append("flush"))
    x = np.zeros(1)
    device.time([Launch(lambda x, y: events.append("product"), x, x, flush=True)], lambda i: None)
    assert events == ["flush", "clock", "product", "clock"]


def test_the_flush_reads_twice_the_cache(monkeypatch, device):
    read = []
    monkeypatch.setattr(
        "spmvbench.cpu.bandwidth.read", lambda buffer, n: read.append(buffer.nbytes)
    )
    device._flush()
    assert read[0] >= 2 * device.cache_bytes


def test_the_probe_reads_every_byte():
    from spmvbench.cpu.bandwidth import read

    buffer = np.ones(1 << 16, np.float32)
    assert read(buffer, 1) == read(buffer, 2) == 1 << 16


def test_the_slug_names_model_and_cores(monkeypatch):
    device = CpuDevice()
    monkeypatch.setattr(CpuDevice, "_brand", "Intel(R) Xeon(R) Platinum 8480+ CPU @ 2.00GHz")
    assert device.slug == f"intel-xeon-platinum-8480-{device.cores}c"


@pytest.mark.parametrize(("text", "kib"), [("32768K", 32768), ("32M\n", 32768), ("1G", 1 << 20)])
def test_cache_sizes_are_read_as_the_kernel_writes_them(text, kib):
    assert _kib(text) == kib


def test_foreign_load_is_a_share_of_all_cores(device):
    share = device.foreign_load()
    sum(range(100_000))
    assert share() >= 0


def test_a_containers_limit_counts_as_memory(device, tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("400\n")
    monkeypatch.setattr("spmvbench.devices.cpu._CGROUP", tmp_path)
    assert device.free_bytes() == 600


def test_the_description_names_what_decides_a_number(device):
    found = device.describe()
    assert {"device", "cores", "cache_bytes", "memory_bytes", "features", "simd"} <= set(found)


def test_the_description_names_the_tier_that_products_are_compiled_for(device):
    from spmvbench.cpu.tier import tier

    assert device.describe()["simd"] == tier()


def test_an_unknown_device_is_refused():
    with pytest.raises(DeviceError, match="expected one of auto, cpu, cuda"):
        open_device("tpu")
    assert open_device("auto").kind == "cpu"
