"""The CUDA device on a stand-in for CuPy: what it asks of the driver, in which order."""

from __future__ import annotations

from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest

from spmvbench.cuda.driver import uuid_of
from spmvbench.cuda.module import kernel
from spmvbench.devices import cupy_there, open_device
from spmvbench.devices.base import Launch
from spmvbench.devices.cuda import PRODUCTS_OF_GRAPH, CudaDevice
from spmvbench.dtypes import DTYPES
from spmvbench.errors import DeviceError

COLD = ["kernel wait_until_open", "kernel read_all", "event", "product", "event"]


@pytest.fixture
def cupy(fake_cupy):
    return fake_cupy


@pytest.fixture
def device(cupy):
    made = CudaDevice()
    cupy.cuda.STATE.log.clear()
    return made


def launched(cupy, device, product=None, **how):
    """A launch of a product, else of one that only says that it ran, which has run before."""
    x, y = device.put(np.ones(64, np.float16)), device.empty(4, "float16")
    launch = Launch(product or (lambda x, y: cupy.cuda.STATE.submit("product", int)), x, y, **how)
    if not product:
        device.time([launch], lambda _: None)
        cupy.cuda.STATE.log.clear()
    return launch


def fails(x, y):
    raise ValueError("no")


def test_nothing_waits_until_everything_is_queued(cupy, device):
    launch = launched(cupy, device)
    device.time([launch] * 2, lambda _: None)
    cupy.cuda.STATE.log.clear()
    times = device.time([launch] * 2, lambda _: None)
    assert cupy.cuda.STATE.log == [*COLD, *COLD, "synchronize", "synchronize"]
    assert len(times) == 2
    assert all(t > 0 for t in times)


def test_a_product_is_marked_when_it_is_queued_and_when_it_is_waited_for(cupy, device):
    marks = []
    device.time([launched(cupy, device)] * 2, marks.append)
    assert marks == [0, 1, 0, 1]


def test_a_product_is_marked_when_it_is_called_for_the_first_time(cupy, device):
    marks = []
    with pytest.raises(ValueError, match="no"):
        device.time([launched(cupy, device), launched(cupy, device, fails)], marks.append)
    assert marks == [1]


def test_a_flush_reads_twice_the_cache_before_x(cupy, device, monkeypatch):
    read = []
    launch = launched(cupy, device, flush=True)
    monkeypatch.setattr(
        "spmvbench.cuda.streaming.read", lambda array, sink, blocks: read.append(array.nbytes)
    )
    device.time([launch], lambda _: None)
    assert read == [2 * device.cache_bytes, 128]


def test_hot_products_are_repeated_in_a_graph_that_has_run_before(cupy, device):
    device.time([launched(cupy, device, hot=True)], lambda _: None)
    graph = [f"graph of {PRODUCTS_OF_GRAPH}"]
    gate, read = ["kernel wait_until_open"], ["kernel read_all"]
    assert cupy.cuda.STATE.log == [
        *("upload graph", *gate, *graph, *read),
        *("event", *graph, "event", "synchronize"),
    ]


def test_the_gate_is_closed_while_products_are_queued_and_open_after(cupy, device):
    seen = []

    def product(x, y):
        seen.append(int(device._gates[0]._words[0]))

    device.time([launched(cupy, device, product)], lambda _: None)
    assert seen == [1, 0]  # its first call, then the timed one
    assert device._gates[0]._words.tolist() == [1, 0]


def test_a_product_that_waits_for_the_gpu_is_no_time(cupy, device):
    product = lambda x, y: y.get()  # noqa: E731
    with pytest.raises(RuntimeError, match="waits for the GPU inside"):
        device.time([launched(cupy, device, product)], lambda _: None)


@pytest.mark.parametrize("how", [{}, {"flush": True}, {"hot": True}], ids=["", "flush", "hot"])
def test_nothing_is_loaded_behind_the_gate(cupy, device, how):
    made = kernel("timing.cu", "copy_all")

    def product(x, y):
        made((1,), (32,), (x, x, np.int64(0)))

    device.time([launched(cupy, device, product, **how)], lambda _: None)
    assert made.loaded


def test_what_a_first_call_leaves_in_the_cache_is_emptied_before_a_cold_one(cupy, device):
    launch = launched(cupy, device, lambda x, y: cupy.cuda.STATE.submit("product", int))
    device.time([launch], lambda _: None)
    first = ["synchronize", "product", "synchronize", "kernel read_all"]
    assert cupy.cuda.STATE.log[-10:] == [*first, *COLD, "synchronize"]


def test_the_first_call_of_a_product_is_timed_by_the_hosts_clock(cupy, device, monkeypatch):
    seconds = (n * n for n in count())  # the host's two come first, then those of the events
    monkeypatch.setattr("time.perf_counter", lambda: next(seconds))
    launch = launched(cupy, device, lambda x, y: None, first=True)
    assert device.time([launch], lambda _: None) == [1e6]
    assert device.time([launch], lambda _: None) == [9e6]


def test_a_product_that_no_graph_can_hold_says_so(cupy, device):
    def product(x, y):
        if cupy.cuda.get_current_stream().is_capturing():
            raise MemoryError("not while capturing")

    with pytest.raises(RuntimeError, match="CUDA graph, which cannot hold this one: not while"):
        device.time([launched(cupy, device, product, hot=True)], lambda _: None)
    assert not cupy.cuda.get_current_stream().is_capturing()


def test_after_a_product_that_fails_the_next_are_timed(cupy, device):
    launch = launched(cupy, device)
    with pytest.raises(ValueError, match="no"):
        device.time([launch, launched(cupy, device, fails)], lambda _: None)
    assert len(device.time([launch], lambda _: None)) == 1


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "uint8", "int64"])
def test_arrays_come_back_as_they_were_put(device, dtype):
    host = np.arange(6).reshape(2, 3).astype(DTYPES.get(dtype, dtype))
    there = device.put(host)
    host[0, 0] = 9
    assert device.get(there).dtype == host.dtype
    assert device.get(there).astype(np.float32).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_what_is_on_the_device_is_copied_there(device):
    one = device.put(np.arange(6.0).reshape(2, 3).T)
    other = device.put(one)
    one[0, 0] = 9
    assert float(other[0, 0]) == 0
    assert other.flags.c_contiguous


def test_all_is_queued_on_one_stream_that_is_not_the_default(cupy, device):
    assert cupy.cuda.get_current_stream() is device._stream
    assert device._stream.ptr != cupy.cuda.Stream.null.ptr


def test_the_floor_is_timed_like_a_product(cupy, device):
    device.floor_us()
    cupy.cuda.STATE.log.clear()
    device.floor_us()
    log, first = cupy.cuda.STATE.log, ["synchronize", "kernel nothing", "synchronize"]
    cold = [w.replace("product", "kernel nothing") for w in COLD]
    assert log[:9] == [*first, "kernel read_all", *cold]


def test_the_folder_has_the_name_of_the_card(device):
    assert device.slug == "nvidia-fake-gpu"
    assert device.describe()["uuid"] == "GPU-00010203-0405-0607-0809-0a0b0c0d0e0f"
    assert device.describe()["arch"] == "sm_90"


@pytest.mark.parametrize("driver", [True, False])
def test_a_uuid_that_cupy_cuts_off_at_a_zero_is_whole(cupy, monkeypatch, driver):
    def ask(room, number):
        room[:] = bytes([7, 0]) + 14 * bytes([number + 9])

    def load(name):
        if not driver:
            raise OSError(name)
        return SimpleNamespace(cuDeviceGetUuid_v2=ask)

    monkeypatch.setattr("spmvbench.cuda.driver.ctypes.CDLL", load)
    rest = "0909-0909-0909-090909090909" if driver else "0000-0000-0000-000000000000"
    assert uuid_of(0, b"\7") == f"GPU-0700{'0909' if driver else '0000'}-{rest}"
    assert uuid_of(0, bytes(range(24))) == "GPU-00010203-0405-0607-0809-0a0b0c0d0e0f"


def test_auto_is_the_gpu_where_there_is_one(cupy):
    assert open_device("auto").kind == "cuda"
    assert open_device("cpu").kind == "cpu"


def test_auto_is_the_cpu_where_cupy_finds_no_gpu(cupy, monkeypatch):
    monkeypatch.setattr(cupy, "is_available", lambda: False)
    assert open_device("auto").kind == "cpu"


def broken(cupy, status):
    def count():
        raise cupy.cuda.runtime.CUDARuntimeError(status)

    return count


@pytest.mark.parametrize(
    ("driver", "status", "line"),
    [
        (False, 35, "no NVIDIA driver .* use --device cpu"),
        (True, 35, "the driver is too old for this CuPy"),
        (True, 100, "no GPU is visible; see nvidia-smi, CUDA_VISIBLE_DEVICES"),
        (True, 700, ".* an illegal memory access .* see nvidia-smi"),
    ],
)
def test_without_a_device_one_line_says_what_is_missing(cupy, monkeypatch, driver, status, line):
    monkeypatch.setattr(cupy.cuda.runtime, "getDeviceCount", broken(cupy, status))

    def load(name):
        if not driver:
            raise OSError(name)

    monkeypatch.setattr(cupy_there.ctypes, "CDLL", load)
    with pytest.raises(DeviceError, match=f"^device cuda: {line}"):
        open_device("cuda")


def test_no_gpu_in_the_machine_is_said(cupy, monkeypatch):
    monkeypatch.setattr(cupy.cuda.runtime, "getDeviceCount", lambda: 0)
    with pytest.raises(DeviceError, match="no GPU is visible"):
        open_device("cuda")


def test_a_missing_compiler_is_said_with_what_brings_it(cupy, monkeypatch):
    def compile(source, options, **how):
        raise RuntimeError("cannot find libnvrtc.so.13\nmore")

    monkeypatch.setattr("cupy.cuda.compiler.compile_using_nvrtc", compile)
    line = r"kernels do not compile: cannot find libnvrtc.so.13; pip install 'spmvbench\[cuda13\]'"
    with pytest.raises(DeviceError, match=line):
        open_device("cuda")


def test_without_cupy_the_line_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cupy", None)
    with pytest.raises(DeviceError, match=r"CuPy is not installed; pip install 'spmvbench\[cuda13"):
        open_device("cuda")


def test_a_driver_without_cupy_is_no_reason_to_be_silent(monkeypatch):
    monkeypatch.setattr(cupy_there.ctypes, "CDLL", lambda name: None)
    monkeypatch.setitem(__import__("sys").modules, "cupy", None)
    assert "CuPy is not installed" in cupy_there.passed_over()


def test_without_a_driver_there_is_nothing_to_say(monkeypatch):
    def load(name):
        raise OSError(name)

    monkeypatch.setattr(cupy_there.ctypes, "CDLL", load)
    assert cupy_there.passed_over() is None
