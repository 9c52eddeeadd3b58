"""Sputnik's products, on a stand-in of the same symbols that checks every argument."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
from gpu_stand_in import Gpu
from standins.compiled import StandIn, build

from spmvbench.conformance import cells, conform
from spmvbench.dtypes import DTYPES
from spmvbench.formats import resolve
from spmvbench.problems import Problem
from spmvbench.watch import Watch

_sputnik = import_module("spmvbench.baselines._sputnik")

NAMES = ("sputnik", "sputnik-identity")


@pytest.fixture
def library(fake_cupy, monkeypatch):
    found = StandIn("sputnik")
    monkeypatch.setenv("SPMVBENCH_SPUTNIK", str(build("sputnik")))
    return found


def matrix(dtype="float16"):
    """Rows of 1, 0, 3 and 2 entries, in small whole numbers."""
    dense = np.zeros((4, 8))
    dense[0, 1], dense[2, [0, 4, 6]], dense[3, [2, 7]] = 1, [2, 3, 4], [5, 6]
    return dense.astype(DTYPES[dtype])


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("name", NAMES)
def test_a_product_is_right_on_the_whole_battery(library, fake_cupy, tmp_path, name, dtype):
    todo = [cell for cell in cells("cuda") if cell[1] == dtype]
    verdicts = list(conform(name, Gpu(fake_cupy), Watch(tmp_path / "watch"), todo))
    assert not [v for v in verdicts if v.status not in ("ok", "unavailable")]
    unavailable = {v.matrix for v in verdicts if v.status == "unavailable"}
    assert unavailable == ({"65,537 columns"} if dtype == "float16" else set())


@pytest.mark.parametrize("batch", [1, 2, 3, 15, 17, 18, 33])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_columns_of_x_are_padded_to_what_the_library_takes(library, fake_cupy, dtype, batch):
    fmt, dense, gpu = resolve("sputnik"), matrix(dtype), Gpu(fake_cupy, batch)
    matvec = fmt.plan(fmt.pack(dense), gpu)
    shape = (8,) if batch == 1 else (8, batch)
    x = (np.arange(8 * batch) % 5 - 2).reshape(shape).astype(DTYPES[dtype])
    y = gpu.empty((4,) if batch == 1 else (4, batch), dtype)
    y.fill(np.nan)
    matvec(gpu.put(x), y)
    np.testing.assert_array_equal(y.get(), dense @ x)
    assert library.complaint == ""


def test_one_vector_of_float32_is_not_padded(library, fake_cupy):
    assert _sputnik.width(1, "float32") == 1
    assert [_sputnik.width(n, "float16") for n in (1, 2, 16, 17, 20)] == [2, 2, 16, 20, 20]


def test_rows_of_float16_are_made_even_by_a_zero_in_their_last_column():
    arrays = resolve("sputnik").pack(matrix()).arrays
    assert arrays["values"].tolist() == [1, 0, 2, 3, 4, 0, 5, 6]
    assert arrays["columns"].tolist() == [1, 1, 0, 4, 6, 6, 2, 7]
    assert arrays["columns"].dtype == np.int16
    assert arrays["row_pointers"].tolist() == [0, 2, 2, 6, 8]


def test_rows_of_float32_are_as_they_are():
    arrays = resolve("sputnik").pack(matrix("float32")).arrays
    assert arrays["row_pointers"].tolist() == [0, 1, 1, 4, 6]
    assert arrays["columns"].dtype == np.int32


def test_the_longest_row_is_done_first_or_rows_are_done_in_their_order():
    orders = [resolve(name).pack(matrix("float32")).arrays["row_indices"] for name in NAMES]
    assert [order.tolist() for order in orders] == [[2, 3, 0, 1], [0, 1, 2, 3]]


def test_the_product_is_queued_on_the_current_stream(library, fake_cupy):
    fmt, gpu = resolve("sputnik"), Gpu(fake_cupy)
    matvec = fmt.plan(fmt.pack(matrix()), gpu)
    stream = fake_cupy.cuda.Stream()
    with stream:
        matvec(gpu.put(np.ones(8, np.float16)), gpu.empty(4, "float16"))
    assert library.calls[-1].split()[:3] == ["CudaSpmm", "half2", str(stream.ptr)]


def test_a_failing_launch_is_the_runtimes_error(library, fake_cupy):
    fmt, gpu = resolve("sputnik"), Gpu(fake_cupy)
    matvec = fmt.plan(fmt.pack(matrix()), gpu)
    library.fail("CudaSpmm", 700)
    with pytest.raises(fake_cupy.cuda.runtime.CUDARuntimeError, match="illegal memory access"):
        matvec(gpu.put(np.ones(8, np.float16)), gpu.empty(4, "float16"))


@pytest.mark.parametrize("name", NAMES)
def test_more_columns_than_16_bits_hold_are_unavailable_in_float16(library, name):
    fmt = resolve(name)
    assert fmt.unavailable("cuda", Problem(4, 32767, 0.5)) is None
    reason = fmt.unavailable("cuda", Problem(4, 32768, 0.5))
    assert reason == (
        f"{name} has 16-bit columns in float16, up to 32767; the matrix has 32768: take float32"
    )
    assert fmt.unavailable("cuda", Problem(4, 32768, 0.5, dtype="float32")) is None


def test_without_the_library_it_says_what_to_set(monkeypatch):
    monkeypatch.delenv("SPMVBENCH_SPUTNIK", raising=False)
    assert resolve("sputnik").unavailable("cuda") == (
        "SPMVBENCH_SPUTNIK is not set; docs/baselines.md says how to point it at libsputnik.so"
    )
    assert "no kernel for cpu" in resolve("sputnik").unavailable("cpu")


def test_a_file_that_is_no_library_is_named(fake_cupy, monkeypatch, tmp_path):
    path = tmp_path / "libsputnik.so"
    path.write_text("int main;")
    monkeypatch.setenv("SPMVBENCH_SPUTNIK", str(path))
    assert "libsputnik.so: cannot be loaded" in resolve("sputnik").unavailable("cuda")


def test_a_library_without_one_of_the_symbols_says_which(fake_cupy, monkeypatch):
    path = build("sputnik", "-DWITHOUT_HALF")
    monkeypatch.setenv("SPMVBENCH_SPUTNIK", str(path))
    reason = resolve("sputnik").unavailable("cuda")
    assert reason == f"SPMVBENCH_SPUTNIK={path}: has no sputnik::CudaSpmm of float16"
