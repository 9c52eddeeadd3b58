"""Products by NVIDIA's libraries, on stand-ins that check the arguments of every call."""

from __future__ import annotations

import gc
from dataclasses import replace

import numpy as np
import pytest
from gpu_stand_in import Gpu, forget, installed

from spmvbench.battery import BATTERY
from spmvbench.conformance import cells, conform
from spmvbench.dtypes import DTYPES
from spmvbench.formats import resolve
from spmvbench.watch import Watch

CUBLAS = ("dense-cublas", "dense-cublas-lt", "dense-cublas-sgemv")
CUSPARSE = ("csr-cusparse-spmv", "csr-cusparse-spmm")
NAMES = (*CUBLAS, *CUSPARSE, "csr-cupyx")
ONE_VECTOR = ("dense-cublas-sgemv", "csr-cusparse-spmv")
NATIVE = ("dense-cublas", "dense-cublas-lt", *CUSPARSE)


@pytest.fixture
def nvidia(fake_cupy, monkeypatch):
    yield installed(monkeypatch)
    forget()


@pytest.fixture
def watch(tmp_path):
    return Watch(tmp_path / "watch")


def matrix(rows=7, cols=12, dtype="float16"):
    """Whole numbers, every second of them 0: sums of them are exact."""
    dense = np.arange(rows * cols).reshape(rows, cols) % 5 - 2
    dense[:, ::2] = 0
    return dense.astype(DTYPES[dtype])


def planned(name, dense, gpu):
    fmt = resolve(name)
    return fmt.plan(fmt.pack(dense), gpu)


def vectors(name, dense, gpu):
    """x of small whole numbers, and y that is NaN."""
    types = resolve(name).precision(str(dense.dtype), "cuda")
    shapes = [n if gpu.batch == 1 else (n, gpu.batch) for n in reversed(dense.shape)]
    x = np.arange(np.prod(shapes[0])).reshape(shapes[0]) % 3 - 1
    y = gpu.empty(shapes[1], types.y)
    y.fill(np.nan)
    return gpu.put(x.astype(DTYPES[types.x])), y


def product(name, dense, gpu):
    matvec = planned(name, dense, gpu)
    x, y = vectors(name, dense, gpu)
    matvec(x, y)
    return y.get().astype(np.float64), dense.astype(np.float64) @ x.get().astype(np.float64)


# Right, under the checker's bound


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("name", NAMES)
def test_a_product_is_right_on_the_whole_battery(nvidia, fake_cupy, watch, name, dtype):
    todo = [cell for cell in cells() if cell[1] == dtype]
    verdicts = list(conform(name, Gpu(fake_cupy), watch, todo))
    unavailable = {v.batch for v in verdicts if v.status == "unavailable"}
    assert not [v for v in verdicts if v.status not in ("ok", "unavailable")]
    assert unavailable == ({3} if name in ONE_VECTOR else set())


@pytest.mark.parametrize("name", CUSPARSE)
def test_where_16_bits_are_refused_float32_is_multiplied(nvidia, fake_cupy, watch, name):
    nvidia.cusparse.fail("16 bits")
    todo = [(m, "bfloat16", 1) for m in BATTERY if m != "65,537 columns"]
    assert {v.status for v in conform(name, Gpu(fake_cupy), watch, todo)} == {"ok"}
    types = resolve(name).precision("bfloat16", "cuda")
    assert (types.values, types.x, types.y) == ("float32",) * 3
    assert resolve(name).pack(matrix(dtype="bfloat16")).arrays["values"].dtype == np.float32


@pytest.mark.parametrize("name", CUSPARSE)
def test_the_library_is_asked_once_whether_it_takes_a_type(nvidia, fake_cupy, name):
    resolve(name).pack(matrix())
    asked = len(nvidia.cusparse.calls)
    resolve(name).pack(matrix())
    resolve(name).precision("float16", "cuda")
    assert asked == len(nvidia.cusparse.calls) > 0
    assert nvidia.cusparse.alive == 0


@pytest.mark.parametrize("name", CUSPARSE)
def test_float32_is_not_asked_for(nvidia, fake_cupy, name):
    resolve(name).pack(matrix(dtype="float32"))
    assert nvidia.cusparse.calls == []


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("name", NATIVE)
def test_values_x_and_y_have_the_type_of_the_weights_and_sums_are_float32(nvidia, name, dtype):
    types = resolve(name).precision(dtype, "cuda")
    assert (types.values, types.x, types.accumulate, types.y) == (dtype, dtype, "float32", dtype)


@pytest.mark.parametrize("name", ["dense-cublas-sgemv", "csr-cupyx"])
def test_sgemv_and_cupy_work_in_float32_whatever_the_weights_are(name):
    types = resolve(name).precision("float16", "cuda")
    assert (types.values, types.x, types.accumulate, types.y) == ("float32",) * 4
    assert resolve(name).pack(matrix()).arrays["values"].dtype == np.float32


@pytest.mark.parametrize("name", CUSPARSE)
def test_indices_of_64_bits_are_multiplied_too(nvidia, fake_cupy, name):
    fmt, dense, gpu = resolve(name), matrix(), Gpu(fake_cupy)
    packed = fmt.pack(dense)
    wide = {key: packed.arrays[key].astype(np.int64) for key in ("columns", "row_pointers")}
    matvec = fmt.plan(replace(packed, arrays={**packed.arrays, **wide}), gpu)
    x, y = vectors(name, dense, gpu)
    matvec(x, y)
    np.testing.assert_array_equal(y.get(), dense @ x.get())


# The calls, in their order


def calls_of_a_product(name, stand_in, gpu, dense=None):
    dense = matrix() if dense is None else dense
    matvec = planned(name, dense, gpu)
    x, y = vectors(name, dense, gpu)
    stand_in.reset()
    matvec(x, y)
    return [call.split()[0] for call in stand_in.calls]


def test_cublas_is_given_stream_and_workspace_before_each_product(nvidia, fake_cupy):
    calls = ["cublasSetStream_v2", "cublasSetWorkspace_v2"]
    gpu = Gpu(fake_cupy)
    assert calls_of_a_product("dense-cublas", nvidia.cublas, gpu) == [*calls, "cublasGemmEx"]
    seen = calls_of_a_product("dense-cublas-sgemv", nvidia.cublas, gpu)
    assert seen == [*calls, "cublasSgemv_v2"]


def test_one_vector_is_multiplied_as_one_column_and_a_batch_as_rows(nvidia, fake_cupy):
    for batch, call in ((1, "cublasGemmEx 7 1 12"), (3, "cublasGemmEx 3 7 12")):
        seen, expected = product("dense-cublas", matrix(7, 12), Gpu(fake_cupy, batch))
        np.testing.assert_array_equal(seen, expected)
        assert nvidia.cublas.calls[-1] == call


def test_the_first_algorithm_that_runs_in_the_workspace_is_taken(nvidia, fake_cupy):
    seen, expected = product("dense-cublas-lt", matrix(), Gpu(fake_cupy))
    np.testing.assert_array_equal(seen, expected)
    stream = fake_cupy.cuda.Stream.null.ptr
    assert f"cublasLtMatmul 2 {stream}" in nvidia.cublasLt.calls


def test_spmv_is_preprocessed_when_planned_and_not_in_the_product(nvidia, fake_cupy):
    gpu = Gpu(fake_cupy)
    matvec = planned("csr-cusparse-spmv", matrix(dtype="float32"), gpu)
    assert [c for c in nvidia.cusparse.calls if "SpMV" in c] == [
        "cusparseSpMV_bufferSize",
        "cusparseSpMV_preprocess",
    ]
    x, y = vectors("csr-cusparse-spmv", matrix(dtype="float32"), gpu)
    nvidia.cusparse.reset()
    matvec(x, y)
    assert [call.split()[0] for call in nvidia.cusparse.calls] == [
        *["cusparseDnVecSetValues"] * 2,
        *["cusparseSetStream", "cusparseSpMV"],
    ]


def test_a_library_without_preprocessing_multiplies_without(nvidia, fake_cupy, monkeypatch):
    old = installed(monkeypatch, cusparse=("-DOLD",))
    seen, expected = product("csr-cusparse-spmv", matrix(), Gpu(fake_cupy))
    np.testing.assert_array_equal(seen, expected)
    assert "cusparseSpMV_preprocess" not in old.cusparse.calls


def test_spmm_takes_alg1_for_one_column_and_alg2_for_several_in_c_order(nvidia, fake_cupy):
    for batch, algorithm in ((1, "CSR_ALG1"), (3, "CSR_ALG2")):
        seen, expected = product("csr-cusparse-spmm", matrix(), Gpu(fake_cupy, batch))
        np.testing.assert_array_equal(seen, expected)
        products = [c for c in nvidia.cusparse.calls if c.startswith("cusparseSpMM CSR")]
        assert products[-1] == f"cusparseSpMM {algorithm}"


@pytest.mark.parametrize(
    ("name", "library", "call"),
    [
        ("dense-cublas", "cublas", "cublasSetStream_v2 {}"),
        ("dense-cublas-lt", "cublasLt", "cublasLtMatmul 2 {}"),
        ("dense-cublas-sgemv", "cublas", "cublasSetStream_v2 {}"),
        ("csr-cusparse-spmv", "cusparse", "cusparseSetStream {}"),
        ("csr-cusparse-spmm", "cusparse", "cusparseSetStream {}"),
    ],
)
def test_a_product_runs_on_the_stream_that_is_current_when_it_is_called(
    nvidia, fake_cupy, name, library, call
):
    gpu, stand_in = Gpu(fake_cupy), getattr(nvidia, library)
    matvec = planned(name, matrix(), gpu)
    x, y = vectors(name, matrix(), gpu)
    for stream in (fake_cupy.cuda.Stream(non_blocking=True), fake_cupy.cuda.Stream()):
        stand_in.reset()
        with stream:
            matvec(x, y)
        assert call.format(stream.ptr) in stand_in.calls


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", NATIVE)
def test_a_product_allocates_nothing(nvidia, fake_cupy, monkeypatch, name, batch):
    gpu = Gpu(fake_cupy, 1 if name in ONE_VECTOR else batch)
    matvec = planned(name, matrix(), gpu)
    x, y = vectors(name, matrix(), gpu)
    monkeypatch.setattr(fake_cupy.cuda.POOL, "limit", -1)
    matvec(x, y)


def test_cupy_looks_for_duplicates_when_planned_and_not_in_the_product(nvidia, fake_cupy):
    gpu = Gpu(fake_cupy)
    matvec = planned("csr-cupyx", matrix(), gpu)
    x, y = vectors("csr-cupyx", matrix(), gpu)
    fake_cupy.cuda.STATE.log.clear()
    matvec(x, y)
    assert "look for duplicates" not in fake_cupy.cuda.STATE.log


# What is kept, and what is freed


@pytest.mark.parametrize("name", ["dense-cublas-lt", *CUSPARSE])
def test_descriptors_live_as_long_as_the_product(nvidia, fake_cupy, name):
    stand_in = nvidia.cublasLt if name in CUBLAS else nvidia.cusparse
    matvec = planned(name, matrix(), Gpu(fake_cupy))
    assert stand_in.alive > 0
    del matvec
    gc.collect()
    assert stand_in.alive == 0


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("dense-cublas-lt", "cublasLtMatmulAlgoGetHeuristic"),
        ("csr-cusparse-spmv", "cusparseSpMV_preprocess"),
        ("csr-cusparse-spmm", "cusparseSpMM_bufferSize"),
    ],
)
def test_descriptors_are_freed_when_planning_fails(nvidia, fake_cupy, name, call):
    stand_in = nvidia.cublasLt if name in CUBLAS else nvidia.cusparse
    stand_in.fail(call, 6)
    with pytest.raises(RuntimeError, match=f"{call} failed: CU.*"):
        planned(name, matrix(dtype="float32"), Gpu(fake_cupy))
    assert stand_in.alive == 0


@pytest.mark.parametrize("name", NAMES)
def test_two_plans_of_one_matrix_do_not_disturb_each_other(nvidia, fake_cupy, name):
    gpu, dense = Gpu(fake_cupy), matrix()
    first, second = planned(name, dense, gpu), planned(name, dense, gpu)
    x, y = vectors(name, dense, gpu)
    second(x, y)
    del second
    gc.collect()
    y.fill(np.nan)
    first(x, y)
    np.testing.assert_array_equal(y.get(), dense.astype(float) @ x.get().astype(float))


# What is refused


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ((11, "float16"), (7, "float16"), r"x is float16 \(11,\), expected float16 \(12,\)"),
        ((12, "float32"), (7, "float16"), r"x is float32 \(12,\), expected float16 \(12,\)"),
        ((12, "float16"), (6, "float16"), r"y is float16 \(6,\), expected float16 \(7,\)"),
    ],
)
@pytest.mark.parametrize("name", NATIVE)
def test_vectors_that_do_not_fit_never_reach_the_library(nvidia, fake_cupy, name, x, y, message):
    gpu = Gpu(fake_cupy)
    matvec = planned(name, matrix(), gpu)
    with pytest.raises(ValueError, match=message):
        matvec(gpu.empty(*x), gpu.empty(*y))


@pytest.mark.parametrize("name", NATIVE)
def test_a_strided_y_never_reaches_the_library(nvidia, fake_cupy, name):
    gpu = Gpu(fake_cupy)
    matvec = planned(name, matrix(), gpu)
    with pytest.raises(ValueError, match=r"y is float16 \(7,\), not in C order"):
        matvec(gpu.empty(12, "float16"), gpu.empty(14, "float16")[::2])


@pytest.mark.parametrize("name", CUBLAS)
def test_dense_values_of_another_shape_are_refused(nvidia, fake_cupy, name):
    fmt = resolve(name)
    packed = replace(fmt.pack(matrix(4, 6)), shape=(6, 4))
    with pytest.raises(
        ValueError, match=rf"{name}: values are \w+ \(4, 6\), expected \w+ \(6, 4\)"
    ):
        fmt.plan(packed, Gpu(fake_cupy))


@pytest.mark.parametrize("name", [*CUSPARSE, "csr-cupyx"])
def test_columns_outside_of_the_matrix_are_refused(nvidia, fake_cupy, name):
    fmt = resolve(name)
    packed = fmt.pack(matrix(4, 6))
    with pytest.raises(ValueError, match=f"{name}: columns run from 1 to 5, expected 0 to 4"):
        fmt.plan(replace(packed, shape=(4, 5)), Gpu(fake_cupy))


@pytest.mark.parametrize("name", ONE_VECTOR)
def test_several_vectors_are_unavailable_where_the_call_takes_one(nvidia, fake_cupy, name):
    from spmvbench.problems.base import Problem

    reason = resolve(name).unavailable("cuda", Problem(8, 8, 0.5, batch=4))
    assert reason.startswith(f"{name} takes one vector, not 4; ")
    with pytest.raises(ValueError, match="expected|takes one vector, not 4"):
        product(name, matrix(), Gpu(fake_cupy, batch=4))


# Matrices in another order, or on the device already


@pytest.mark.parametrize("name", CUBLAS)
def test_a_matrix_that_is_not_in_c_order_is_packed_in_it(name):
    packed = resolve(name).pack(np.asfortranarray(matrix()))
    assert packed.arrays["values"].flags.c_contiguous
    np.testing.assert_array_equal(packed.arrays["values"], matrix())


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("name", CUBLAS)
def test_a_dense_matrix_may_be_on_the_device_when_it_is_packed(nvidia, fake_cupy, name, order):
    fmt, dense, gpu = resolve(name), matrix(), Gpu(fake_cupy)
    there = gpu.put(dense) if order == "C" else gpu.put(dense.T).T
    packed = fmt.pack(there)
    assert isinstance(packed.arrays["values"], fake_cupy.ndarray)
    assert packed.arrays["values"].flags.c_contiguous
    assert packed.nbytes == fmt.pack(dense).nbytes
    np.testing.assert_array_equal(fmt.unpack(packed).get(), dense)
    x, y = vectors(name, dense, gpu)
    fmt.plan(packed, gpu)(x, y)
    np.testing.assert_array_equal(y.get(), dense.astype(float) @ x.get().astype(float))
