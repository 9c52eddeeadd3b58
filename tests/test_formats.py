"""What every format of ours has to do: keep the bits, multiply right, refuse what does not fit."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numba
import numpy as np
import pytest
from host_target import HostTarget, product, vectors, worst_error
from hypothesis import given, settings
from hypothesis import strategies as st

from spmvbench.cpu.simd import dispatch
from spmvbench.dtypes import DTYPES
from spmvbench.errors import UnknownFormat
from spmvbench.formats import resolve

NAMES = ("macko", "bitmap", "csr16", "dense-f16")
SPARSE = ("macko", "bitmap", "csr16")
QUANTISED = ("dense-int8", "dense-int4")
EVERY = (*NAMES, *QUANTISED)
TYPES = ("float16", "bfloat16", "float32")
BITS = {2: np.uint16, 4: np.uint32}


def bits(array):
    return array.view(BITS[array.dtype.itemsize])


def stored(fmt, packed, dense):
    """The matrix that a product is of: the one given, or what a lossy format kept of it."""
    return dense if fmt.lossless else fmt.unpack(packed)


def random_bits(rows, cols, density, dtype, seed):
    """Any bits at all where not zero, so NaN, Inf and subnormals too; zeros of both signs."""
    rng = np.random.default_rng(seed)
    unsigned = np.dtype(BITS[DTYPES[dtype].itemsize])
    sign = 1 << (8 * unsigned.itemsize - 1)
    stored = rng.random((rows, cols)) < density
    values = np.where(stored, rng.integers(1, sign, (rows, cols)), 0)
    return (values | sign * rng.integers(0, 2, (rows, cols))).astype(unsigned).view(DTYPES[dtype])


def uniform(rows, cols, density, dtype="float16", seed=1):
    rng = np.random.default_rng(seed)
    values = rng.uniform(-1, 1, (rows, cols)) * (rng.random((rows, cols)) < density)
    return values.astype(DTYPES[dtype])


def heavy_row():
    """All rows nearly empty but one; the middle ones empty."""
    dense = uniform(140, 3000, 0.003)
    dense[60:100] = 0
    dense[30] = uniform(1, 3000, 1)[0]
    return dense


@pytest.mark.parametrize("name", NAMES)
@given(
    rows=st.integers(0, 9),
    cols=st.integers(0, 200),
    density=st.floats(0, 1),
    dtype=st.sampled_from(TYPES),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_unpack_gives_back_every_bit_but_the_sign_of_zero(name, rows, cols, density, dtype, seed):
    dense = random_bits(rows, cols, density, dtype, seed)
    fmt = resolve(name)
    back = fmt.unpack(fmt.pack(dense))
    assert (back.shape, back.dtype) == (dense.shape, dense.dtype)
    seen = bits(dense)
    magnitude = np.iinfo(seen.dtype).max >> 1
    assert np.array_equal(bits(back), seen if fmt.dense else np.where(seen & magnitude, seen, 0))


@pytest.mark.parametrize("name", EVERY)
def test_pack_takes_a_matrix_in_any_memory_order_and_leaves_it_alone(name):
    dense = np.asfortranarray(uniform(9, 70, 0.4))
    before = dense.copy()
    fmt = resolve(name)
    wanted = stored(fmt, fmt.pack(np.ascontiguousarray(dense)), before)
    assert np.array_equal(fmt.unpack(fmt.pack(dense)), wanted)
    assert np.array_equal(dense, before)


@pytest.mark.parametrize("name", EVERY)
def test_pack_gives_the_same_bytes_whatever_the_number_of_threads(name):
    dense, most = uniform(301, 500, 0.3), numba.config.NUMBA_NUM_THREADS
    packed = []
    for threads in (1, most):
        numba.set_num_threads(threads)
        packed.append([array.tobytes() for array in resolve(name).pack(dense).arrays.values()])
    assert packed[0] == packed[1]


SHAPES = [(1, 300), (300, 1), (1, 1), (5, 0), (0, 5), (33, 200), (3, 8192), (2, 65_536)]
PRODUCTS = [
    *[(name, shape) for name in EVERY for shape in SHAPES],
    *[(name, (2, 65_537)) for name in EVERY if name != "csr16"],
]


@pytest.mark.parametrize(("name", "shape"), PRODUCTS, ids=str)
@pytest.mark.parametrize("density", [0.02, 0.5, 1.0])
def test_the_product_is_within_rounding_of_float64(name, shape, density):
    dense, x = uniform(*shape, density), vectors(shape[1])
    fmt = resolve(name)
    packed = fmt.pack(dense)
    assert worst_error(product(fmt, packed, x), stored(fmt, packed, dense), x) <= 1


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("dtype", TYPES)
def test_the_product_is_right_in_every_type(name, dtype):
    dense, x = uniform(50, 1500, 0.3, dtype), vectors(1500)
    fmt = resolve(name)
    packed = fmt.pack(dense)
    assert worst_error(product(fmt, packed, x), stored(fmt, packed, dense), x) <= 1


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch", [1, 3, 8])
def test_empty_rows_and_a_heavy_one_are_right_in_any_batch_and_thread(name, threads, batch):
    dense, x = heavy_row(), vectors(3000, batch)
    fmt = resolve(name)
    packed = fmt.pack(dense)
    assert worst_error(product(fmt, packed, x, threads), stored(fmt, packed, dense), x) <= 1


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("batch", [1, 3])
def test_more_threads_than_rows_and_no_stored_value_give_zeros(name, batch):
    dense = np.zeros((1, 90), np.float16)
    fmt = resolve(name)
    assert not product(fmt, fmt.pack(dense), vectors(90, batch), threads=2).any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", TYPES)
def test_nan_and_inf_of_the_matrix_come_out_as_in_float64(name, dtype):
    dense = uniform(5, 200, 0.4, dtype)
    dense[:4, 7] = np.inf, -np.inf, np.inf, np.nan
    dense[2, 150] = -np.inf
    fmt = resolve(name)
    y = product(fmt, fmt.pack(dense), np.ones(200, np.float32))
    assert y[:2].tolist() == [np.inf, -np.inf]
    assert np.isnan(y[2:4]).all()
    assert np.isfinite(y[4])


@pytest.mark.parametrize("name", SPARSE)
def test_row_pointers_of_64_bits_are_multiplied_and_unpacked_too(name):
    dense, x = uniform(20, 300, 0.2), vectors(300)
    fmt = resolve(name)
    packed = fmt.pack(dense)
    wide = packed.arrays["row_pointers"].astype(np.int64)
    packed = replace(packed, arrays={**packed.arrays, "row_pointers": wide})
    assert worst_error(product(fmt, packed, x), dense, x) <= 1
    assert np.array_equal(fmt.unpack(packed), dense)


@pytest.mark.parametrize("name", EVERY)
def test_packing_takes_no_more_than_4_bytes_an_element_beside_the_result(name):
    dense = uniform(1024, 2048, 0.5)
    fmt = resolve(name)
    fmt.pack(dense[:1])
    tracemalloc.start()
    packed = fmt.pack(dense)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak - packed.nbytes <= 4 * dense.size


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("batch", [1, 3])
def test_a_product_allocates_next_to_nothing(name, batch):
    dense, x = uniform(300, 20_000, 0.01), vectors(20_000, batch)
    y = np.empty((300, *x.shape[1:]), np.float32)
    fmt = resolve(name)
    matvec = fmt.plan(fmt.pack(dense), HostTarget(batch=batch))
    matvec(x, y)
    tracemalloc.start()
    matvec(x, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16_384


def without_last(array):
    return array[:-1]


def changed(array, index, value):
    array = array.copy()
    array[index] = value
    return array


def moved_past_the_last_column(mask):
    """Row 0 has as many bits as before, one of them in column 127."""
    word = mask[0, 1]
    return changed(mask, (0, 1), (word & (word - np.uint64(1))) | np.uint64(1 << 63))


DAMAGE = [
    *[(name, "values", without_last) for name in EVERY],
    *[(name, "scales", without_last) for name in QUANTISED],
    ("dense-int4", "values", lambda a: a[:, :, :-1]),
    ("dense-int4", "scales", lambda a: a[:, :-1]),
    *[(name, "row_pointers", without_last) for name in SPARSE],
    *[(name, "row_pointers", lambda a: changed(a, 1, 2**30)) for name in SPARSE],
    *[(name, "row_pointers", lambda a: changed(a, 0, -1)) for name in SPARSE],
    *[(name, "row_pointers", lambda a: changed(a, -1, 2**30)) for name in SPARSE],
    ("macko", "deltas", without_last),
    ("macko", "deltas", lambda a: changed(a, slice(None), 0xFF)),  # reaches past the last column
    ("bitmap", "mask", without_last),
    ("bitmap", "mask", lambda a: changed(a, (0, 0), 0)),  # fewer bits than values
    ("bitmap", "mask", moved_past_the_last_column),
    ("csr16", "columns", without_last),
    ("csr16", "columns", lambda a: changed(a, 0, 124)),
]


@pytest.mark.parametrize(("name", "array", "damage"), DAMAGE)
def test_arrays_that_do_not_fit_together_are_refused_in_one_line(name, array, damage):
    fmt = resolve(name)
    packed = fmt.pack(uniform(9, 124, 0.5))
    broken = replace(packed, arrays={**packed.arrays, array: damage(packed.arrays[array])})
    for use in (lambda: fmt.plan(broken, HostTarget()), lambda: fmt.unpack(broken)):
        with pytest.raises(ValueError, match=rf"^{name}: .*; pack the matrix again$"):
            use()


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize(
    "dense", [np.zeros(4, np.float16), np.zeros((2, 2)), np.zeros((2, 2), ">f2")], ids=str
)
def test_what_is_no_matrix_of_a_known_type_is_refused_in_one_line(name, dense):
    with pytest.raises(ValueError, match=rf"^{name}: got .*; expected two axes, .*$"):
        resolve(name).pack(dense)


UNFIT = {
    "too long": lambda x, y: (np.append(x, x[:1], axis=0), y),
    "of float64": lambda x, y: (x.astype(np.float64), y),
    "not contiguous": lambda x, y: (np.repeat(x, 2, axis=0)[::2], y),
    "of another batch": lambda x, y: (np.stack([x, x], axis=-1), y),
    "y too short": lambda x, y: (x, y[:-1].copy()),
    "y of float16": lambda x, y: (x, y.astype(np.float16)),
}


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("batch", [1, 3, 40])
@pytest.mark.parametrize("change", UNFIT.values(), ids=UNFIT)
def test_x_and_y_that_do_not_fit_are_refused_in_one_line_before_any_kernel(name, batch, change):
    dense, x = uniform(9, 70, 0.4), vectors(70, batch)
    fmt = resolve(name)
    matvec = fmt.plan(fmt.pack(dense), HostTarget(1, batch))
    with pytest.raises(ValueError, match=r"^[xy] is .*; this product takes float32 of shape .*$"):
        matvec(*change(x, np.zeros((9, *x.shape[1:]), np.float32)))


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("threads", [1, 2])
def test_more_vectors_than_a_kernel_takes_compile_nothing_once_planned(name, threads, monkeypatch):
    monkeypatch.setattr(dispatch, "PART_NS", 0)
    fmt, x = resolve(name), vectors(70, 9)
    matvec = fmt.plan(fmt.pack(uniform(9, 70, 0.4)), HostTarget(threads, 9))
    kernels = (dispatch._one, dispatch._many)
    before = [len(kernel.signatures) for kernel in kernels]
    matvec(x, np.zeros((9, 9), np.float32))
    assert [len(kernel.signatures) for kernel in kernels] == before


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("density", [0.03, 0.15, 0.6])
def test_nan_and_inf_come_out_in_their_rows_and_nowhere_else(name, density):
    dense, x = uniform(12, 9000, density), vectors(9000).astype(np.float16).astype(np.float32)
    dense[3, 40], dense[5, 8999], dense[7, 0] = np.nan, np.inf, -np.inf
    fmt = resolve(name)
    y = product(fmt, fmt.pack(dense), x)
    strange = [3, 5, 7]
    assert np.isnan(y[3])
    assert np.array_equal(y[[5, 7]], np.array([np.inf, -np.inf]) * np.sign(x[[8999, 0]]))
    assert np.isfinite(np.delete(y, strange)).all()


def test_an_infinite_x_leaves_nothing_behind_for_the_next_product():
    """Low density: the x of a row's values is collected in a buffer, longer rows first."""
    dense = np.zeros((2, 1024), np.float16)
    dense[0, ::3], dense[1, :3] = 1, 1
    fmt, target = resolve("bitmap"), HostTarget()
    matvec = fmt.plan(fmt.pack(dense), target)
    y = target.empty(2, np.float32)
    matvec(target.put(np.full(1024, np.inf, np.float32)), y)
    matvec(target.put(np.ones(1024, np.float32)), y)
    assert y.tolist() == [342, 3]


def test_a_class_that_is_missing_is_named_with_those_that_are_there(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from spmvbench.formats.macko import Macko\n"
        "class Coo(Macko): ...\n"
        "class Csr(Macko): ...\n"
        "class Helper: ...\n"
    )
    with pytest.raises(UnknownFormat, match=r"mine.py has no class 'Ell'; its formats are Coo, "):
        resolve(f"{file}:Ell")
    with pytest.raises(UnknownFormat, match=r"Coo, Csr; did you mean 'Coo'\?$"):
        resolve(f"{file}:Cooo")
    with pytest.raises(UnknownFormat, match=r"'Helper' of .* is no subclass of .*: name one, as"):
        resolve(f"{file}:Helper")


def test_a_module_without_a_format_says_where_it_is(tmp_path):
    with pytest.raises(
        UnknownFormat,
        match=r"spmvbench.errors \(.*errors.py\) has no class 'Foo'; .* and there is none",
    ):
        resolve("spmvbench.errors:Foo")
