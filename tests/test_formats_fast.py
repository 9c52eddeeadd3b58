"""Formats for GPUs with much bandwidth: what they pack, what they refuse, how they are launched."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_formats import bits, changed, random_bits, uniform, without_last

from spmvbench import theory
from spmvbench.battery import BATTERY
from spmvbench.check import expect, judge
from spmvbench.cuda import launch
from spmvbench.dtypes import DTYPES
from spmvbench.formats import check_name, resolve
from spmvbench.formats.slab import MOST_COLUMNS, Cut, shared_bytes
from spmvbench.problems import Problem

SLABS = ("slab4", "slab5", "slab6")
FAST = ("macko-fast", *SLABS)


class Target:
    """The least that a format may ask of a GPU."""

    kind, threads, batch = "cuda", 1, 1

    def __init__(self, cupy):
        self.put = cupy.asarray


def excess(cupy, name, dense):
    """The largest error of the product as a share of the checker's bound."""
    fmt = resolve(name)
    x = (np.random.default_rng(1).integers(-8, 9, (dense.shape[1], 1)) / 32).astype(dense.dtype)
    y = cupy.full(dense.shape[0], np.nan, dense.dtype)
    fmt.plan(fmt.pack(dense), Target(cupy))(cupy.asarray(x[:, 0]), y)
    (parts,) = expect(dense, x.astype(np.float32))
    seen = y.get().reshape(-1, 1).astype(np.float64)
    return judge(seen, parts[0], fmt.precision(str(dense.dtype), "cuda")).share


@pytest.mark.parametrize("name", FAST)
@given(
    rows=st.integers(0, 70),
    cols=st.integers(0, 600),
    density=st.floats(0, 1),
    dtype=st.sampled_from(("float16", "bfloat16")),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=40, deadline=None)
def test_unpack_gives_back_every_bit_but_the_sign_of_zero(name, rows, cols, density, dtype, seed):
    dense = random_bits(rows, cols, density, dtype, seed)
    back = resolve(name).unpack(resolve(name).pack(dense))
    assert (back.shape, back.dtype) == (dense.shape, dense.dtype)
    assert np.array_equal(bits(back), np.where(bits(dense) & 0x7FFF, bits(dense), 0))


def test_macko_fast_packs_the_bytes_of_macko():
    dense = uniform(70, 900, 0.1)
    one, other = (resolve(name).pack(dense).arrays for name in ("macko", "macko-fast"))
    assert {k: a.tobytes() for k, a in one.items()} == {k: a.tobytes() for k, a in other.items()}


def as_cut(monkeypatch, rows, warps):
    """Every matrix is cut so."""
    monkeypatch.setattr("spmvbench.formats.slab.cut", lambda shape: Cut(rows, warps))


@pytest.mark.parametrize(("name", "widest"), [("slab4", 15), ("slab5", 31), ("slab6", 63)])
def test_a_gap_wider_than_its_bits_costs_one_stored_zero(name, widest):
    dense = np.zeros((2, 16 * 100), np.float16)
    dense[0, widest], dense[1, widest + 1] = 1, 2
    arrays = resolve(name).pack(dense).arrays
    lanes = np.flatnonzero(arrays["values"])  # groups of 8: the rows' first and second entry
    assert arrays["row_order"].tolist() == [0, 1]
    assert lanes.tolist() == [0, 9]


def test_the_longest_rows_come_first(monkeypatch):
    as_cut(monkeypatch, 32, 8)
    dense = np.zeros((40, 160), np.float16)
    dense[33, :10], dense[7, 10:20], dense[7, :10] = 1, 1, 1
    arrays = resolve("slab4").pack(dense).arrays
    assert arrays["row_order"][:3].tolist() == [7, 33, 0]
    assert arrays["groups"][0, :3].tolist() == [3, 2, 0]
    assert arrays["offsets"][0, :4].tolist() == [
        0,
        4,
        8,
        12,
    ]  # multiples of 4


def test_a_row_is_cut_into_equal_shares_or_the_first_have_a_group_more(monkeypatch):
    as_cut(monkeypatch, 16, 16)
    dense = np.ones((1, 8 * (32 * 3 + 5)), np.float16)
    arrays = resolve("slab4").pack(dense).arrays
    starts = arrays["starts"].reshape(32, 16)[:, 0]
    assert (np.diff(starts) // 8).tolist() == [4] * 5 + [3] * 26


@pytest.mark.parametrize("name", SLABS)
def test_a_share_that_has_ended_stores_nothing(monkeypatch, name):
    as_cut(monkeypatch, 32, 8)
    dense = np.zeros((32, 8 * 64), np.float16)
    dense[5] = 1
    packed = resolve(name).pack(dense)
    assert packed.arrays["low"].size == 64


def by_the_document(name, packed):
    """The matrix of a slab, decoded by the letter of docs/formats.md, entry by entry."""
    arrays, dense = packed.arrays, np.zeros(packed.shape, np.float16)
    (slabs, warps), rows = arrays["offsets"].shape, arrays["groups"].shape[1]
    shares = 32 * warps // rows
    for s, w in np.ndindex(slabs, warps):
        threads = np.arange(32 * w, 32 * w + 32)
        of_row = arrays["groups"][s, threads % rows].astype(int)
        groups = of_row // shares + (threads // rows < of_row % shares)
        at, column = int(arrays["offsets"][s, w]), arrays["starts"][s, w].astype(int) - 1
        for k in range(groups.max()):
            for lane in np.flatnonzero(groups > k):
                for i in range(8):
                    gap = int(arrays["low"][at]) >> (8 * (i % 4) + 4 * (i // 4)) & 15
                    if name == "slab5":
                        gap += (int(arrays["high"][at]) >> i & 1) << 4
                    if name == "slab6":
                        place = 8 * (i % 2) + 4 * (i // 2 % 2) + 2 * (i // 4)
                        gap += (int(arrays["high"][at]) >> place & 3) << 4
                    column[lane] += gap + 1
                    if value := arrays["values"][8 * at + i]:
                        dense[arrays["row_order"][rows * s + lane % rows], column[lane]] = value
                at += 1
    return dense


@pytest.mark.parametrize("how", [(32, 8), (32, 16), (16, 16), (8, 16)])
@pytest.mark.parametrize("name", SLABS)
def test_a_slab_is_what_the_document_says(monkeypatch, name, how):
    as_cut(monkeypatch, *how)
    dense = uniform(45, 1100, 0.03) + uniform(45, 1100, 0.3, seed=2) * (np.arange(45) < 9)[:, None]
    dense = dense.astype(np.float16)
    np.testing.assert_array_equal(by_the_document(name, resolve(name).pack(dense)), dense)


def test_the_example_of_the_document_holds():
    dense = np.zeros((2, 26), np.float16)
    dense[0], dense[1, [0, 1, 25]] = 1, 2
    arrays = resolve("slab4").pack(dense).arrays
    assert arrays["groups"][0, :3].tolist() == [4, 1, 0]
    assert arrays["offsets"][0, :3].tolist() == [0, 8, 8]
    assert arrays["starts"].reshape(64, 8)[:5, 0].tolist() == [0, 8, 16, 24, 0]
    assert arrays["low"][:5].tolist() == [0, 0x070F0000, 0, 0, 0]
    assert arrays["row_order"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("name", "density", "most"),
    [("slab6", 0.05, 1.09), ("slab5", 0.1, 1.07), ("slab4", 0.2, 1.06), ("slab4", 0.27, 1.06)],
)
def test_bytes_are_as_near_the_entropy_limit_as_documented(monkeypatch, name, density, most):
    as_cut(monkeypatch, 32, 8)
    dense = uniform(256, 8192, density)
    limit = float(theory.entropy_limit(np.count_nonzero(dense) / dense.size))
    assert resolve(name).pack(dense).nbytes / dense.nbytes < most * limit


DAMAGE = [
    *[(array, without_last) for array in ("values", "offsets", "starts", "groups", "row_order")],
    ("high", lambda a: np.append(a, a.dtype.type(1))),
    ("offsets", lambda a: changed(a, (0, 1), 2**31)),
    ("groups", lambda a: changed(a, (0, 0), 65535)),
    ("groups", lambda a: changed(a, (0, 0), 0)),
    ("starts", lambda a: changed(a, (0, 0, 0), 65535)),
    ("row_order", lambda a: changed(a, 0, a[1])),
    ("low", lambda a: changed(a, slice(None), 0xFFFFFFFF)),
]


@pytest.mark.parametrize("name", SLABS)
@pytest.mark.parametrize(("array", "damage"), DAMAGE)
def test_slabs_that_do_not_fit_together_are_refused_in_one_line(fake_cupy, name, array, damage):
    fmt = resolve(name)
    packed = fmt.pack(uniform(40, 900, 0.5))
    broken = replace(packed, arrays={**packed.arrays, array: damage(packed.arrays[array])})
    for use in (lambda: fmt.plan(broken, Target(fake_cupy)), lambda: fmt.unpack(broken)):
        with pytest.raises(ValueError, match=rf"^{name}: .*; pack the matrix again$"):
            use()


@pytest.mark.parametrize("name", FAST)
def test_they_say_what_they_are_not_for(name):
    fmt = resolve(name)
    assert fmt.unavailable("cpu") == f"{name} has no kernel for cpu, only for cuda"
    assert fmt.unavailable("cuda") is None
    assert "not float32" in fmt.unavailable("cuda", Problem(9, 9, 0.5, dtype="float32"))
    assert "1 columns of x on cuda, not 4" in fmt.unavailable("cuda", Problem(9, 9, 0.5, batch=4))


def test_a_slab_refuses_what_its_starts_cannot_count():
    reason = "slab4 counts at most 65,536 columns; the matrix has 65,537"
    assert resolve("slab4").unavailable("cuda", Problem(1, MOST_COLUMNS + 1, 0.5)) == reason
    assert resolve("slab4").unavailable("cuda", Problem(1, MOST_COLUMNS, 0.5)) is None
    with pytest.raises(ValueError, match=f"^{reason}$"):
        resolve("slab4").pack(np.zeros((1, MOST_COLUMNS + 1), np.float16))


def test_the_widest_row_that_starts_count_is_packed():
    dense = np.ones((1, MOST_COLUMNS), np.float16)
    assert np.array_equal(resolve("slab5").unpack(resolve("slab5").pack(dense)), dense)


def test_a_number_after_a_file_name_is_a_variant_of_that_file():
    check_name("slab5")
    assert resolve("slab6").gap_bits == 6


@pytest.mark.parametrize("name", FAST)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_the_product_is_right_through_cupy(fake_cupy, name, dtype):
    for matrix in ("rows not a multiple of 32", "one heavy row", "no columns"):
        assert excess(fake_cupy, name, BATTERY[matrix](dtype)) <= 1
    assert excess(fake_cupy, name, np.zeros((0, 40), DTYPES[dtype])) == 0
    widest = 65_537 if name == "macko-fast" else MOST_COLUMNS
    assert excess(fake_cupy, name, uniform(3, widest, 0.1).astype(DTYPES[dtype])) <= 1


X_AS_FLOAT = shared_bytes((40, 900), 4)
KERNELS_BY_LIMIT = [
    ("macko-fast", 4 * (900 + 528), "macko_fast<__half, float, int>"),
    ("macko-fast", 4 * (900 + 528) - 1, "macko_fast<__half, __half, int>"),
    ("macko-fast", 2 * (900 + 528) - 1, "macko<__half, 1, int>"),
    ("slab4", X_AS_FLOAT, "slab<__half, float, 4, 16, 1>"),
    ("slab4", X_AS_FLOAT - 1, "slab<__half, __half, 4, 16, 1>"),
]


@pytest.mark.parametrize(("name", "most", "kernel"), KERNELS_BY_LIMIT)
def test_x_is_kept_as_the_shared_memory_allows(fake_cupy, monkeypatch, name, most, kernel):
    monkeypatch.setattr(launch, "limits", lambda: launch.Limits(4, most))
    asked = []
    compile_one = launch.kernel
    monkeypatch.setattr(
        launch, "kernel", lambda file, name: asked.append(name) or compile_one(file, name)
    )
    assert excess(fake_cupy, name, uniform(40, 900, 0.3)) <= 1
    assert asked == [kernel]


def test_a_slab_says_that_x_is_too_wide_for_this_gpu(fake_cupy, monkeypatch):
    monkeypatch.setattr(launch, "limits", lambda: launch.Limits(4, 48 << 10))
    fmt, dense = resolve("slab4"), uniform(1, 30_000, 0.01)
    reason = "slab4 keeps x in shared memory: 64,112 bytes a block, this GPU has 49,152"
    assert fmt.unavailable("cuda", Problem(1, 30_000, 0.01)) == reason
    with pytest.raises(ValueError, match=f"^{reason}$"):
        fmt.plan(fmt.pack(dense), Target(fake_cupy))


def test_a_narrow_matrix_does_not_take_shared_memory_from_a_wide_one(fake_cupy):
    wide, narrow = uniform(3, 30_000, 0.1), uniform(3, 50, 0.5)
    fmt = resolve("macko-fast")
    matvec = fmt.plan(fmt.pack(wide), Target(fake_cupy))
    fmt.plan(fmt.pack(narrow), Target(fake_cupy))
    y = fake_cupy.empty(3, np.float16)
    matvec(fake_cupy.ones(30_000, np.float16), y)
    assert np.allclose(y.get().astype(float), wide.astype(float).sum(axis=1), rtol=0.01, atol=0.1)


def test_shared_memory_that_was_not_asked_for_is_refused_by_the_stand_in(fake_cupy):
    from spmvbench.cuda.module import allow_shared, kernel

    function = kernel("macko_fast.cu", "macko_fast<__half, float, int>")
    with pytest.raises(fake_cupy.cuda.runtime.CUDADriverError, match="invalid argument"):
        function((1,), (1024,), (), shared_mem=50_000)
    with pytest.raises(fake_cupy.cuda.runtime.CUDADriverError, match="invalid argument"):
        allow_shared(function, 1 << 20)
