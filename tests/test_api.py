"""`spmvbench.macko`: what users hand over, what they get, and the one line for what cannot be."""

from __future__ import annotations

import copy
import pickle
import sys

import numpy as np
import pytest
import scipy.sparse
from host_target import vectors, worst_error

import spmvbench
from spmvbench.battery import BATTERY
from spmvbench.dtypes import DTYPES, ROUNDOFF
from spmvbench.errors import DtypeError, MatrixError, UserError
from spmvbench.formats.macko import Macko

DTYPE_NAMES = ("float16", "bfloat16", "float32")
FINITE = [name for name in BATTERY if name != "NaN and Inf"]


def dense(dtype="float16", rows=33, cols=200, seed=0):
    rng = np.random.default_rng(seed)
    values = np.where(rng.random((rows, cols)) < 0.5, rng.normal(size=(rows, cols)), 0)
    return values.astype(DTYPES[dtype])


def same(one, other):
    """Bit for bit; -0.0 counts as 0.0."""
    return one.dtype == other.dtype and np.array_equal(one + 0, other + 0, equal_nan=True)


@pytest.mark.parametrize("dtype", DTYPE_NAMES)
@pytest.mark.parametrize("name", FINITE)
def test_products_are_right_on_the_battery(name, dtype):
    matrix = BATTERY[name](dtype)
    packed = spmvbench.macko(matrix)
    for batch in (1, 3):
        x = vectors(matrix.shape[1], batch)
        assert worst_error(packed @ x, matrix, x) <= 1


@pytest.mark.parametrize("dtype", DTYPE_NAMES)
@pytest.mark.parametrize("name", BATTERY)
def test_what_is_unpacked_is_what_was_packed(name, dtype):
    matrix = BATTERY[name](dtype)
    assert same(spmvbench.macko(matrix).to_dense(), matrix)


def test_nan_reaches_its_row_only():
    matrix = dense("float32")
    matrix[5, 7] = np.nan
    y = spmvbench.macko(matrix) @ vectors(200)
    assert np.flatnonzero(np.isnan(y)).tolist() == [5]


@pytest.mark.parametrize("batch", [0, 1, 2, 7, 8, 9, 17])
def test_any_number_of_vectors_is_multiplied(batch):
    matrix = dense()
    x = np.random.default_rng(1).uniform(-1, 1, (200, batch)).astype(np.float32)
    y = spmvbench.macko(matrix) @ x
    assert y.shape == (33, batch)
    assert worst_error(y, matrix, x) <= 1


def test_batches_of_different_size_share_one_copy_of_the_matrix():
    packed = spmvbench.macko(dense())
    products = packed.products
    before = [room.ctypes.data for room in products._host._rooms]
    product = products.plan(8), products.plan(1)
    assert all(product)
    assert [room.ctypes.data for room in products._host._rooms] == before
    values = packed.packed.arrays["values"]
    assert products._host.put(values).ctypes.data == values.ctypes.data


@pytest.mark.parametrize("name", DTYPE_NAMES)
def test_y_has_the_type_of_x(name):
    matrix = dense()
    x = vectors(200).astype(DTYPES[name])
    y = spmvbench.macko(matrix) @ x
    assert y.dtype == x.dtype
    exact = matrix.astype(float) @ x.astype(float)
    np.testing.assert_allclose(y.astype(float), exact, rtol=4 * ROUNDOFF[name], atol=1e-4)


@pytest.mark.parametrize(
    "change", [np.asfortranarray, lambda a: a[::-1, ::2], lambda a: a.T, lambda a: a[3:, 5:]]
)
def test_matrices_of_any_memory_order_are_packed(change):
    matrix = change(dense())
    assert same(spmvbench.macko(matrix).to_dense(), np.ascontiguousarray(matrix))


def test_x_and_out_may_be_strided_on_the_cpu():
    matrix, x = dense(), vectors(400)[::2]
    out = np.zeros((33, 3), np.float16)
    packed = spmvbench.macko(matrix)
    got = packed.matvec(x.astype(np.float16), out=out[:, 1])
    assert got.base is out
    assert same(out[:, 1], packed @ x.astype(np.float16))
    assert not out[:, [0, 2]].any()


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "bsr"])
def test_sparse_matrices_of_scipy_are_packed(kind):
    matrix = scipy.sparse.random_array((40, 50), density=0.3, rng=0).astype(np.float32)
    packed = spmvbench.macko(matrix.asformat(kind))
    assert same(packed.to_dense(), matrix.toarray())


def test_what_only_has_dlpack_is_read_through_it():
    class Foreign:
        def __init__(self, array):
            self.array = array

        def __dlpack__(self, **how):
            return self.array.__dlpack__(**how)

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

    matrix = dense()
    packed = spmvbench.macko(Foreign(matrix))
    assert same(packed.to_dense(), matrix)
    assert (packed @ Foreign(vectors(200))).dtype == np.float32


def test_the_facts_of_a_matrix():
    matrix = dense()
    packed = spmvbench.macko(matrix)
    assert packed.shape == (33, 200)
    assert packed.dtype == np.float16
    assert packed.device == "cpu"
    assert packed.nnz == np.count_nonzero(matrix)
    assert packed.density == packed.nnz / matrix.size
    assert packed.dense_nbytes == matrix.nbytes
    assert packed.nbytes == sum(a.nbytes for a in packed.packed.arrays.values()) < matrix.nbytes


def test_its_text_says_shape_type_place_and_size_against_dense():
    words = repr(spmvbench.macko(dense()))
    assert words == (
        "<MackoMatrix 33 x 200 float16 on cpu, density 0.504: 8.48 kB, 64.2 % of dense>"
    )


@pytest.mark.parametrize("again", [lambda a: pickle.loads(pickle.dumps(a)), copy.deepcopy])
def test_it_can_be_copied_and_pickled(again):
    matrix = dense("bfloat16")
    packed = again(spmvbench.macko(matrix))
    assert same(packed.to_dense(), matrix)
    assert worst_error(packed @ vectors(200), matrix, vectors(200)) <= 1


def test_packed_arrays_make_a_matrix_again_and_others_do_not():
    packed = spmvbench.macko(dense()).packed
    assert same(spmvbench.MackoMatrix(packed).to_dense(), dense())
    packed.arrays["row_pointers"][3] = -1
    with pytest.raises(ValueError, match="row_pointers do not rise"):
        spmvbench.MackoMatrix(packed)


def test_a_plan_leaves_numbas_threads_as_they_were(monkeypatch):
    import numba

    def plan(self, packed, device):
        numba.set_num_threads(1)
        return lambda x, y: y.fill(0)

    monkeypatch.setattr(Macko, "plan", plan)
    before = numba.get_num_threads()
    assert not (spmvbench.macko(dense()) @ vectors(200)).any()
    assert numba.get_num_threads() == before


def test_an_iterative_solver_takes_it_as_an_operator():
    matrix = dense("float32", 60, 60) / 100 + np.eye(60, dtype=np.float32)
    operator = spmvbench.macko(matrix).as_linear_operator()
    wanted = np.random.default_rng(0).normal(size=60)
    found, failed = scipy.sparse.linalg.gmres(operator, matrix @ wanted, rtol=1e-5)
    assert not failed
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    assert operator.matmat(np.ones((60, 2))).shape == (60, 2)


def test_an_operator_has_no_transpose_and_says_so():
    with pytest.raises(NotImplementedError, match="pack the transpose"):
        spmvbench.macko(dense()).as_linear_operator().rmatvec(np.ones(33))


X_MISTAKES = {
    "wrong length": (np.ones(199, np.float32), r"x has shape \(199,\); expected \(200,\)"),
    "three axes": (np.ones((200, 1, 1), np.float32), r"x has shape \(200, 1, 1\)"),
    "float64": (np.ones(200), r"x is float64; expected .*: x\.astype\('float32'\)"),
    "integers": (np.ones(200, int), "x is int64"),
    "a list": ([1.0] * 200, "x is a list; expected an array"),
    "a number": (2.0, "x is a float; expected an array"),
}


@pytest.mark.parametrize("x", X_MISTAKES.values(), ids=X_MISTAKES)
def test_what_is_no_x_is_refused_in_one_line(x):
    value, line = x
    with pytest.raises(UserError, match=line) as caught:
        spmvbench.macko(dense()) @ value
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, ValueError | TypeError)


OUT_MISTAKES = {
    "wrong length": (np.ones(32, np.float32), r"out has shape \(32,\); expected \(33,\)"),
    "another type": (np.ones(33, np.float16), "out is float16; expected that of x, float32"),
    "read-only": (np.broadcast_to(np.float32(0), 33), "out is read-only"),
}


@pytest.mark.parametrize("out", OUT_MISTAKES.values(), ids=OUT_MISTAKES)
def test_what_is_no_out_is_refused_in_one_line(out):
    value, line = out
    with pytest.raises(UserError, match=line):
        spmvbench.macko(dense()).matvec(vectors(200), out=value)


def test_out_may_not_be_part_of_x():
    x = vectors(200)
    with pytest.raises(MatrixError, match="out shares memory with x"):
        spmvbench.macko(dense()).matvec(x, out=x[:33])


MATRIX_MISTAKES = {
    "one axis": (np.ones(4, np.float16), MatrixError, "expected two axes"),
    "float64": (np.ones((2, 2)), DtypeError, r"matrix is float64; .*: matrix\.astype"),
    "integers": (np.ones((2, 2), int), DtypeError, "matrix is int64"),
    "big endian": (np.ones((2, 2), ">f2"), DtypeError, "matrix is >f2"),
    "a list": ([[1.0]], DtypeError, "matrix is a list"),
    "sparse float64": (scipy.sparse.eye_array(3), DtypeError, "matrix is float64"),
}


@pytest.mark.parametrize("matrix", MATRIX_MISTAKES.values(), ids=MATRIX_MISTAKES)
def test_what_is_no_matrix_is_refused_in_one_line(matrix):
    value, kind, line = matrix
    with pytest.raises(kind, match=line) as caught:
        spmvbench.macko(value)
    assert "\n" not in str(caught.value)


def test_a_device_without_kernels_is_named():
    class Elsewhere:
        def __dlpack_device__(self):
            return (10, 0)

    with pytest.raises(MatrixError, match="matrix lives on a device of DLPack's type 10"):
        spmvbench.macko(Elsewhere())


def test_a_gpu_array_without_cupy_says_how_to_get_it(monkeypatch):
    class OnGpu:
        def __dlpack_device__(self):
            return (2, 0)

    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(UserError, match=r"CuPy is not installed.*spmvbench\[cuda13\]"):
        spmvbench.macko(OnGpu())


def test_an_array_times_a_matrix_is_refused():
    with pytest.raises(TypeError):
        vectors(33) @ spmvbench.macko(dense())


def test_the_package_has_no_other_names():
    with pytest.raises(AttributeError, match="no attribute 'makko'"):
        spmvbench.makko  # noqa: B018


def test_a_place_is_named_as_pytorch_names_it():
    packed = spmvbench.macko(dense())
    assert packed.to("cpu") is packed
    for name in ("gpu", "cuda:x", "cpu:", "cuda:"):
        with pytest.raises(UserError, match=f"device '{name}': expected cpu, cuda or cuda:0"):
            packed.to(name)
