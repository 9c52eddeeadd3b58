"""`spmvbench.macko` of arrays on a GPU: the kernels' own source, on the CPU (tests/fakecupy)."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from host_target import vectors
from test_api import FINITE, dense, same

import spmvbench
from spmvbench.battery import BATTERY
from spmvbench.check import expect, judge
from spmvbench.dtypes import DTYPES
from spmvbench.errors import DtypeError, MatrixError
from spmvbench.formats.macko import Macko

X = np.random.default_rng(0).integers(-8, 9, (70_000, 17)) / 32
"""Vectors that every type holds exactly."""


def excess(y, matrix, x):
    """The largest error as a share of the bound of the checker: above 1 is wrong."""
    (parts,) = expect(matrix, x)
    precision = Macko().precision(str(matrix.dtype), "cuda")
    return judge(y.reshape(len(y), x.shape[1]).astype(float), parts[0], precision).share


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("name", FINITE)
def test_products_are_right_on_the_battery(fake_cupy, name, dtype):
    matrix = BATTERY[name](dtype)
    packed = spmvbench.macko(fake_cupy.asarray(matrix))
    x = X[: matrix.shape[1], :1]
    y = packed @ fake_cupy.asarray(x[:, 0].astype(DTYPES[dtype]))
    assert isinstance(y, fake_cupy.ndarray)
    assert y.dtype == DTYPES[dtype]
    assert excess(y.get(), matrix, x) <= 1


@pytest.mark.parametrize("batch", [0, 1, 2, 3, 4, 5, 8, 9, 11, 17])
def test_any_number_of_vectors_is_multiplied(fake_cupy, batch):
    matrix = dense()
    x = X[:200, :batch]
    y = spmvbench.macko(fake_cupy.asarray(matrix)) @ fake_cupy.asarray(x.astype(np.float16))
    assert y.shape == (33, batch)
    assert not batch or excess(y.get(), matrix, x) <= 1


def test_vectors_of_a_product_before_do_not_reach_the_next(fake_cupy):
    packed = spmvbench.macko(fake_cupy.asarray(dense()))
    x = fake_cupy.asarray(X[:200].astype(np.float16))
    packed @ fake_cupy.full((200, 7), np.nan, np.float16)
    y = packed @ fake_cupy.ascontiguousarray(x[:, :5])
    assert same(y.get(), (packed @ fake_cupy.ascontiguousarray(x[:, :8])).get()[:, :5])


@pytest.mark.parametrize("batch", [1, 2, 8, 3, 11])
def test_with_out_nothing_is_allocated_copied_back_or_waited_for(fake_cupy, monkeypatch, batch):
    packed = spmvbench.macko(fake_cupy.asarray(dense()))
    x = fake_cupy.asarray(X[:200, :batch].astype(np.float16))
    y = packed @ x

    def refuse(nbytes):
        raise AssertionError(f"{nbytes} bytes are allocated")

    monkeypatch.setattr(fake_cupy.cuda.POOL, "take", refuse)
    fake_cupy.cuda.STATE.log.clear()
    assert packed.matvec(x, out=y) is y
    assert set(fake_cupy.cuda.STATE.log) == {"kernel macko"}


def test_a_graph_can_hold_a_product(fake_cupy):
    packed = spmvbench.macko(fake_cupy.asarray(dense()))
    x, y = fake_cupy.asarray(X[:200, 0].astype(np.float16)), fake_cupy.zeros(33, np.float16)
    wanted = packed @ x
    stream = fake_cupy.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        packed.matvec(x, out=y)
        graph = stream.end_capture()
    assert not y.get().any()
    graph.launch(stream)
    assert same(y.get(), wanted.get())


def test_what_lives_on_the_gpu_stays_there(fake_cupy):
    matrix = dense("bfloat16")
    packed = spmvbench.macko(fake_cupy.asarray(matrix))
    assert packed.device == "cuda:0"
    assert all(isinstance(a, fake_cupy.ndarray) for a in packed.packed.arrays.values())
    assert packed.nnz == np.count_nonzero(matrix)
    assert "on cuda:0" in repr(packed)
    assert same(packed.to_dense().get(), matrix)


def test_it_goes_from_one_place_to_another(fake_cupy):
    there = spmvbench.macko(fake_cupy.asarray(dense()))
    here = there.to("cpu")
    assert here.device == "cpu"
    assert same(here.to_dense(), dense())
    again = here.to("cuda")
    assert again.device == "cuda:0"
    assert same(again.to_dense().get(), dense())
    assert again.to("cuda:0") is again


@pytest.mark.parametrize("batch", [1, 4])
def test_x_and_out_may_begin_at_any_element(fake_cupy, monkeypatch, batch):
    matrix, x = dense(), X[:200, :batch].astype(np.float16)
    room = fake_cupy.asarray(np.concatenate([x[:1], x]))
    out = fake_cupy.empty((34, batch), np.float16)
    packed = spmvbench.macko(fake_cupy.asarray(matrix))
    planned, launched = packed.products.plan(batch), []

    def spy(x, y):
        launched.extend([x.data.ptr % 16, y.data.ptr % 16])
        planned(x, y)

    monkeypatch.setattr(packed.products, "plan", lambda batch: spy)
    y = packed.matvec(room[1:], out=out[1:])
    assert y.data.ptr % 16
    assert launched == [0, 0]
    assert excess(y.get(), matrix, X[:200, :batch]) <= 1


def test_packed_arrays_may_begin_at_any_element(fake_cupy):
    packed = spmvbench.macko(fake_cupy.asarray(dense())).packed
    moved = {}
    for name, array in packed.arrays.items():
        room = fake_cupy.empty(array.size + 1, array.dtype)
        room[1:] = array
        moved[name] = room[1:]
    matrix = spmvbench.MackoMatrix(replace(packed, arrays=moved))
    assert not any(array.data.ptr % 16 for array in matrix.packed.arrays.values())
    y = matrix @ fake_cupy.asarray(X[:200, 0].astype(np.float16))
    assert excess(y.get(), dense(), X[:200, :1]) <= 1


def test_plans_copy_no_arrays(fake_cupy, monkeypatch):
    packed = spmvbench.macko(fake_cupy.asarray(dense()))
    monkeypatch.setattr(fake_cupy.cuda.POOL, "limit", 0)
    for batch in (1, 2, 4, 8):
        packed.products.plan(batch)


def test_bytes_that_would_lead_a_kernel_astray_are_refused(fake_cupy):
    packed = spmvbench.macko(fake_cupy.asarray(dense())).packed
    packed.arrays["deltas"][:] = np.uint8(0xFF)
    with pytest.raises(ValueError, match="reach column"):
        spmvbench.MackoMatrix(packed)


def mistakes(cupy):
    x = cupy.asarray(X[:200, :4].astype(np.float16))
    yield vectors(200), MatrixError, "x lives on cpu, the matrix on cuda:0"
    yield x.astype(np.float32), DtypeError, "x is float32; expected float16 on cuda:0"
    yield x[:, 0], MatrixError, r"x is not contiguous.*cupy\.ascontiguousarray\(x\)"
    yield x[:100], MatrixError, r"x has shape \(100, 4\)"


def test_what_is_no_x_on_the_gpu_is_refused_in_one_line(fake_cupy):
    packed = spmvbench.macko(fake_cupy.asarray(dense()))
    for x, kind, line in mistakes(fake_cupy):
        with pytest.raises(kind, match=line):
            packed @ x


def test_out_on_the_gpu_is_as_strict(fake_cupy):
    packed = spmvbench.macko(fake_cupy.asarray(dense(rows=200)))
    x = fake_cupy.asarray(X[:200, 0].astype(np.float16))
    with pytest.raises(MatrixError, match="out lives on cpu"):
        packed.matvec(x, out=np.empty(200, np.float16))
    with pytest.raises(MatrixError, match="out is not contiguous"):
        packed.matvec(x, out=fake_cupy.empty((200, 2), np.float16)[:, 0])
    with pytest.raises(MatrixError, match="out shares memory with x"):
        packed.matvec(x, out=x)


def test_a_pickle_is_unpacked_where_it_was(fake_cupy):
    packed = spmvbench.macko(fake_cupy.asarray(dense()))
    assert packed.__reduce__()[1][0].on_host is False
    assert pickle.loads(pickle.dumps(packed.to("cpu"))).device == "cpu"
