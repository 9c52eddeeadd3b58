"""Packing by the device's own kernels, on a CPU: every byte as the host packs it."""

from __future__ import annotations

import numpy as np
import pytest
from gpu_stand_in import Gpu
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_table import TYPES
from making import BITMAP_CUTS, CUTS, SLABS, bitmap_cut

from spmvbench.battery import BATTERY
from spmvbench.dtypes import DTYPES, is_on_host
from spmvbench.formats import names, resolve
from spmvbench.formats.slab import Cut

HOME = "spmvbench.formats"  # the libraries' are judged in test_baselines_cuda.py
FORMATS = [
    name
    for name in names()
    if "cuda" in (fmt := resolve(name)).packs_on
    and type(fmt).__module__.startswith(f"{HOME}.")
    and name != "auto"  # what it chooses depends on where the matrix is: test_formats_auto_cuda.py
]
LOSSLESS = [name for name in FORMATS if resolve(name).lossless]
WIDE = dict.fromkeys(["csr16", *SLABS], "65,537 columns")  # they have no such columns


def differences(name, dense, cupy):
    """What differs between packing on the device and on the host, a line an array."""
    fmt = resolve(name)
    host, there = fmt.pack(dense), fmt.pack(cupy.asarray(dense))
    assert (there.shape, there.dtype) == (host.shape, host.dtype)
    assert list(there.arrays) == list(host.arrays)
    for key, array in host.arrays.items():
        other = there.arrays[key]
        assert not is_on_host(other)
        if (other.dtype, other.shape) != (array.dtype, array.shape):
            yield f"{key}: {other.dtype} {other.shape}, expected {array.dtype} {array.shape}"
        elif other.get().tobytes() != array.tobytes():
            yield f"{key}: other bytes"


def test_these_formats_pack_on_the_device():
    expected = {"macko", "bitmap", "csr16", "dense-f16", "dense-int8", "dense-int4"}
    assert set(FORMATS) == expected | {"macko-fast", "slab4", "slab5", "slab6", "slab-bitmap"}


@pytest.mark.parametrize(
    ("name", "dtype"),
    [(name, dtype) for name in FORMATS for dtype in TYPES if dtype in resolve(name).dtypes],
)
def test_the_battery_is_packed_byte_for_byte(fake_cupy, name, dtype):
    found = {
        matrix: list(differences(name, make(dtype), fake_cupy))
        for matrix, make in BATTERY.items()
        if WIDE.get(name) != matrix
    }
    assert not {matrix: lines for matrix, lines in found.items() if lines}


@pytest.mark.parametrize("name", FORMATS)
def test_a_matrix_without_rows_is_packed(fake_cupy, name):
    assert not list(differences(name, np.zeros((0, 40), np.float16), fake_cupy))


@pytest.mark.parametrize("name", FORMATS)
def test_rows_that_are_a_view_are_packed_as_they_read(fake_cupy, name):
    dense = BATTERY["rows not a multiple of 32"]("float16")
    host = resolve(name).pack(np.ascontiguousarray(dense[::3]))
    there = resolve(name).pack(fake_cupy.asarray(dense)[::3])
    for key, array in host.arrays.items():
        assert there.arrays[key].get().tobytes() == array.tobytes()


RUNS = st.lists(st.tuples(st.integers(0, 70), st.integers(0, 2**16 - 1)), min_size=1, max_size=12)


@pytest.mark.parametrize("name", FORMATS)
@given(rows=st.lists(RUNS, min_size=1, max_size=4), extra=st.integers(0, 40))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_gaps_and_any_bits_are_packed_byte_for_byte(fake_cupy, name, rows, extra):
    """Rows of gaps and bits: also NaN with any payload, infinities, both zeros, subnormals."""
    width = max(sum(gap + 1 for gap, _ in row) for row in rows) + extra
    bits = np.zeros((len(rows), width), np.uint16)
    for r, row in enumerate(rows):
        places = np.cumsum([gap + 1 for gap, _ in row]) - 1
        bits[r, places] = [value for _, value in row]
    assert not list(differences(name, bits.view(np.float16), fake_cupy))
    assert not list(differences(name, bits.view(DTYPES["bfloat16"]), fake_cupy))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", ["dense-int8", "dense-int4"])
def test_extreme_scales_are_rounded_as_on_the_host(fake_cupy, name, dtype):
    """Rows whose scale is subnormal, is rounded to zero, or would make a product overflow."""
    info = np.finfo(np.float16) if dtype == "float16" else np.finfo(np.float32)
    largest = [info.max, info.smallest_subnormal, 3 * info.smallest_subnormal, info.tiny, 1.0]
    dense = np.array(largest, np.float64)[:, None] * np.linspace(-1, 1, 259)
    with np.errstate(all="ignore"):
        assert not list(differences(name, dense.astype(DTYPES[dtype]), fake_cupy))


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_no_matrix_of_a_known_type_is_refused(fake_cupy, name):
    for wrong in (fake_cupy.zeros((3, 3), np.float64), fake_cupy.zeros(3, np.float16)):
        with pytest.raises(ValueError, match=f"^{name}: got an array of"):
            resolve(name).pack(wrong)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("csr16", "at most 65536; the matrix has 65537"),
        ("slab5", "at most 65,536 columns; the matrix has 65,537"),
    ],
)
def test_too_many_columns_are_refused_before_packing(fake_cupy, name, words):
    with pytest.raises(ValueError, match=words):
        resolve(name).pack(fake_cupy.zeros((1, 65537), np.float16))


@pytest.mark.parametrize("how", CUTS)
@pytest.mark.parametrize("name", SLABS)
def test_slabs_are_packed_byte_for_byte_however_they_are_cut(fake_cupy, monkeypatch, name, how):
    """Rows of any density, so that shares are of any length and some rows fill no group."""
    monkeypatch.setattr("spmvbench.formats.slab.cut", lambda shape: Cut(*how))
    assert not list(differences(name, uneven(45, 2500, how), fake_cupy))


@pytest.mark.parametrize("how", BITMAP_CUTS)
def test_slabs_with_bitmaps_are_packed_byte_for_byte_however_they_are_cut(
    fake_cupy, monkeypatch, how
):
    """Segments of a whole step and a word, so that a last group ends at, in or past a segment."""
    monkeypatch.setattr("spmvbench.formats.slab_bitmap.cut", bitmap_cut(*how))
    cols = 9 * 32 * how[1] * (32 // how[0]) - 40
    assert not list(differences("slab-bitmap", uneven(45, cols, how), fake_cupy))


def uneven(rows, cols, seed):
    """Any bits; rows of several densities."""
    random = np.random.default_rng(seed)
    density = random.choice([0, 0.001, 0.01, 0.1, 0.5, 1], (rows, 1))
    bits = random.integers(0, 2**16, (rows, cols), np.uint16)
    bits *= random.random(bits.shape) < density
    return bits.view(np.float16)


@pytest.mark.parametrize("name", [*SLABS, "slab-bitmap"])
def test_the_widest_rows_are_packed_byte_for_byte(fake_cupy, name):
    """A full row; one that is bridged from end to end; one whose last column alone is stored."""
    dense = np.zeros((3, 65536), np.float16)
    dense[0], dense[1, ::1000], dense[2, -1] = 1, 2, 3
    assert not list(differences(name, dense, fake_cupy))


@pytest.mark.parametrize("name", [*SLABS, "slab-bitmap"])
def test_slabs_that_were_packed_on_the_device_stay_there(fake_cupy, name):
    fmt, dense = resolve(name), BATTERY["rows of every length"]("float16")
    there = fmt.pack(fake_cupy.asarray(dense))
    fake_cupy.cuda.STATE.log.clear()
    matvec = fmt.plan(there, Gpu(fake_cupy))
    assert "get" not in fake_cupy.cuda.STATE.log
    x, y = fake_cupy.ones(dense.shape[1], np.float16), fake_cupy.empty(len(dense), np.float16)
    matvec(x, y)
    other = fake_cupy.empty(len(dense), np.float16)
    fmt.plan(fmt.pack(dense), Gpu(fake_cupy))(x, other)
    assert y.get().tobytes() == other.get().tobytes()


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", ["dense-int8", "dense-int4"])
def test_a_lossy_format_unpacks_where_it_was_packed(fake_cupy, name, dtype):
    fmt = resolve(name)
    for matrix in ("one heavy row", "NaN and Inf", "no columns", "columns not a multiple of 64"):
        dense = BATTERY[matrix](dtype)
        there = fmt.unpack(fmt.pack(fake_cupy.asarray(dense)))
        assert not is_on_host(there)
        np.testing.assert_array_equal(there.get(), fmt.unpack(fmt.pack(dense)))
