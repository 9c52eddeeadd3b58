"""slab-bitmap: the bytes it packs, what it refuses, how its kernel is launched."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_formats import bits, changed, heavy_row, random_bits, uniform, without_last
from test_formats_bytes import example
from test_formats_fast import Target, excess

from spmvbench import theory
from spmvbench.battery import BATTERY
from spmvbench.cuda.launch import Limits
from spmvbench.dtypes import DTYPES
from spmvbench.formats import resolve
from spmvbench.formats.slab_bitmap import MOST_COLUMNS, Cut, cut, runs, shared_bytes
from spmvbench.problems import Problem
from spmvbench.slabs import Launch

NAME = "slab-bitmap"
H200 = Limits(132, 227 << 10)

CUTS = [(8, 8), (8, 16), (16, 8), (32, 8), (32, 16)]
"""Rows of a slab and warps of a block, as matrices of many rows have them, too."""


@pytest.fixture(params=CUTS, ids=str)
def any_cut(request, monkeypatch):
    """Every matrix is cut so, whatever its number of rows."""
    rows_of_slab, warps = request.param

    def cut_so(shape):
        words = -(-shape[1] // (32 * warps * (32 // rows_of_slab)))
        return Cut(rows_of_slab, warps, -(-shape[0] // rows_of_slab), words)

    monkeypatch.setattr("spmvbench.formats.slab_bitmap.cut", cut_so)
    return request.param


def entries_of(stream):
    """The columns of a stream's entries, by the letter of docs/formats.md."""
    entries, last = [], max(np.flatnonzero(stream), default=-1)
    for column in range(last + 1):
        of_four = len(entries) % 4
        behind = entries[-of_four - 1] if len(entries) > of_four else -1
        if stream[column] != 0 or behind + 32 - column < 4 - of_four:
            entries.append(column)
    return entries + [last + 1 + i for i in range(-len(entries) % 8)]


def by_the_document(dense, rows_of_slab, warps):
    """The arrays, by the letter of docs/formats.md, entry by entry."""
    (rows, cols), parts = dense.shape, 32 // rows_of_slab
    words, slabs = -(-cols // (32 * warps * parts)), -(-rows // rows_of_slab)
    width = 32 * words
    padded = np.zeros((rows, width * warps * parts), dense.dtype)
    padded[:, :cols] = dense
    streams = padded.reshape(rows, warps * parts, width)
    of_row = [[entries_of(stream) for stream in row] for row in streams]
    groups = [sum(len(entries) // 8 for entries in row) for row in of_row]
    order = sorted(range(rows), key=lambda row: -groups[row])
    values, offsets = [], np.zeros((slabs, warps), np.uint32)
    mask = np.zeros((slabs, warps, words, 32), np.uint32)
    counts = np.zeros((slabs, warps, 32), np.uint16)
    for s, w in np.ndindex(slabs, warps):
        offsets[s, w] = len(values) // 8
        lanes = {}
        for lane in range(32):
            place = rows_of_slab * s + lane % rows_of_slab
            if place < rows:
                row, segment = order[place], w * parts + lane // rows_of_slab
                lanes[lane] = streams[row, segment], of_row[row][segment]
                counts[s, w, lane] = len(of_row[row][segment]) // 8
                for column in of_row[row][segment]:
                    if column < width:
                        mask[s, w, column // 32, lane] |= np.uint32(1 << (31 - column % 32))
        for k in range(counts[s, w].max()):
            for stream, entries in lanes.values():
                values += [stream[c] if c < width else 0 for c in entries[8 * k : 8 * k + 8]]
        values += [0] * (-len(values) % 32)
    return {
        "values": np.array(values, dense.dtype),
        "bits": mask,
        "offsets": offsets,
        "counts": counts,
        "row_order": np.array(order, np.uint32),
    }


@given(
    rows=st.integers(0, 70),
    cols=st.integers(0, 2100),
    density=st.floats(0, 1),
    dtype=st.sampled_from(("float16", "bfloat16")),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_unpack_gives_back_every_bit_but_the_sign_of_zero(rows, cols, density, dtype, seed):
    dense = random_bits(rows, cols, density, dtype, seed)
    back = resolve(NAME).unpack(resolve(NAME).pack(dense))
    assert (back.shape, back.dtype) == (dense.shape, dense.dtype)
    assert np.array_equal(bits(back), np.where(bits(dense) & 0x7FFF, bits(dense), 0))


@pytest.mark.parametrize("density", [0, 0.02, 0.3, 1])
def test_the_bytes_are_those_of_the_document(any_cut, density):
    dense = uniform(45, 1900, density)
    wanted, arrays = by_the_document(dense, *any_cut), resolve(NAME).pack(dense).arrays
    assert list(arrays) == list(wanted)
    for name, array in arrays.items():
        assert (array.dtype, array.flags.c_contiguous) == (wanted[name].dtype, True), name
        assert np.array_equal(array, wanted[name]), name


def test_the_bytes_stay_what_they_were():
    digest = hashlib.sha256()
    for array in resolve(NAME).pack(BATTERY["power law"]("float16")).arrays.values():
        digest.update(array.tobytes())
    assert digest.hexdigest()[:16] == "e674bee28b1e984e"


def test_the_example_of_the_document_holds():
    arrays = resolve(NAME).pack(example()).arrays
    assert arrays["bits"].shape == (1, 16, 1, 32)
    assert [hex(word) for word in arrays["bits"][0, 0, 0, :3]] == [
        "0xc400007c",
        "0x3fc00000",
        "0x0",
    ]
    assert arrays["counts"][0, 0, :3].tolist() == [1, 1, 0]
    assert arrays["offsets"][0].tolist() == [0, *[4] * 15]
    assert arrays["values"].tolist() == [1, 2, 3, 4, *[0] * 4, 5, *[0] * 23]
    assert arrays["row_order"].tolist() == [0, 1]


@pytest.mark.parametrize("dense", [heavy_row(), uniform(70, 3000, 0.01)], ids=["heavy", "sparse"])
def test_skewed_and_sparse_rows_come_back(any_cut, dense):
    assert np.array_equal(resolve(NAME).unpack(resolve(NAME).pack(dense)), dense)


def test_four_entries_within_32_columns_need_no_zero_and_within_33_one():
    dense = np.zeros((2, 64 * 64), np.float16)
    dense[0, [0, 1, 2, 31, 32]] = 1
    dense[1, [0, 1, 2, 32]] = 1
    arrays = resolve(NAME).pack(dense).arrays
    assert arrays["values"][:16].tolist() == [*[1] * 5, 0, 0, 0, *[1] * 3, 0, 1, 0, 0, 0]
    assert hex(arrays["bits"][0, 0, 0, 1]) == "0xe0000001"


def test_the_longest_rows_come_first_and_groups_lie_in_the_order_of_lanes(monkeypatch):
    monkeypatch.setattr("spmvbench.formats.slab_bitmap.cut", lambda shape: Cut(32, 16, 2, 1))
    dense = np.zeros((40, 512), np.float16)
    dense[33, :20], dense[7, :9], dense[7, 40:60], dense[2, :3] = 3, 1, 1, 2
    arrays = resolve(NAME).pack(dense).arrays
    assert arrays["row_order"][:3].tolist() == [7, 33, 2]
    assert arrays["counts"][0, 0, :4].tolist() == [2, 3, 1, 0]
    assert arrays["values"][::8][:8].tolist() == [1, 3, 2, 1, 3, 3, 0, 0]
    assert arrays["offsets"][0, :3].tolist() == [0, 8, 12]


@pytest.mark.parametrize("density", [0.29, 0.4, 0.5, 0.7, 0.9])
def test_bytes_are_within_6_percent_of_the_entropy_limit(monkeypatch, density):
    """Of 8192 columns, cut as 8192 rows are."""
    monkeypatch.setattr("spmvbench.formats.slab_bitmap.cut", lambda shape: Cut(32, 8, 8, 32))
    dense = uniform(256, 8192, density)
    limit = float(theory.entropy_limit(np.count_nonzero(dense) / dense.size))
    assert resolve(NAME).pack(dense).nbytes / dense.nbytes < 1.06 * limit
    assert cut((8192, 8192)) == Cut(32, 8, 256, 32)


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((2047, 4096), (8, 16, 256)),
        ((2048, 4096), (16, 16, 128)),
        ((4096, 4096), (32, 16, 128)),
        ((8191, 4096), (32, 16, 256)),
        ((8192, 16384), (32, 8, 256)),
        ((8192, 16385), (32, 16, 256)),
    ],
)
def test_few_rows_make_slabs_of_fewer_and_blocks_of_more_warps(shape, wanted):
    how = cut(shape)
    assert (how.rows_of_slab, how.warps, how.slabs) == wanted


def test_pack_gives_the_same_bytes_whatever_the_number_of_threads():
    dense, most, packed = uniform(301, 500, 0.3), numba.config.NUMBA_NUM_THREADS, []
    for threads in (1, most):
        numba.set_num_threads(threads)
        packed.append([array.tobytes() for array in resolve(NAME).pack(dense).arrays.values()])
    assert packed[0] == packed[1]


DAMAGE = [
    *[(a, without_last) for a in ("values", "bits", "offsets", "counts", "row_order")],
    ("bits", lambda a: np.zeros_like(a)),
    ("bits", lambda a: changed(a, (0, 0, slice(None), 1), 1)),  # entries farther apart than 32
    ("bits", lambda a: changed(a, (0, 0, 0, 1), 0xFFFFFFFF)),  # entries left over for no bit
    ("offsets", lambda a: changed(a, (0, 1), 2**31)),
    ("offsets", lambda a: changed(a, (-1, -1), a[-1, -1] + 4)),
    ("counts", lambda a: changed(a, (0, 0, 0), 65535)),
    ("counts", lambda a: changed(a, (-1, 0, 31), 1)),  # of a row that does not exist
    ("row_order", lambda a: changed(a, 0, a[1])),
    ("row_order", lambda a: changed(a, 0, 2**31)),
]


@pytest.mark.parametrize(("array", "damage"), DAMAGE)
def test_arrays_that_do_not_fit_together_are_refused_in_one_line(fake_cupy, array, damage):
    fmt = resolve(NAME)
    packed = fmt.pack(uniform(43, 1900, 0.5))
    broken = replace(packed, arrays={**packed.arrays, array: damage(packed.arrays[array])})
    for use in (lambda: fmt.plan(broken, Target(fake_cupy)), lambda: fmt.unpack(broken)):
        with pytest.raises(ValueError, match=rf"^{NAME}: .*; pack the matrix again$"):
            use()


def test_it_says_what_it_is_not_for():
    fmt = resolve(NAME)
    assert fmt.unavailable("cpu") == f"{NAME} has no kernel for cpu, only for cuda"
    assert fmt.unavailable("cuda") is None
    assert "not float32" in fmt.unavailable("cuda", Problem(9, 9, 0.5, dtype="float32"))
    assert "1 columns of x on cuda, not 4" in fmt.unavailable("cuda", Problem(9, 9, 0.5, batch=4))


def test_it_refuses_what_its_counts_cannot_count():
    reason = f"{NAME} counts at most 4,194,304 columns; the matrix has 4,194,305"
    assert resolve(NAME).unavailable("cuda", Problem(1, MOST_COLUMNS + 1, 0.5)) == reason
    assert resolve(NAME).unavailable("cuda", Problem(1, MOST_COLUMNS, 0.5)) is None
    with pytest.raises(ValueError, match=f"^{reason}$"):
        resolve(NAME).pack(np.zeros((1, MOST_COLUMNS + 1), np.float16))


def test_the_widest_row_that_counts_can_count_is_packed(monkeypatch):
    monkeypatch.setattr(
        "spmvbench.formats.slab_bitmap.cut", lambda shape: Cut(32, 16, 1, MOST_COLUMNS // 512)
    )
    dense = np.ones((1, MOST_COLUMNS), np.float16)
    packed = resolve(NAME).pack(dense)
    assert packed.arrays["counts"][0, :, 0].tolist() == [MOST_COLUMNS // 128] * 16
    assert np.array_equal(resolve(NAME).unpack(packed), dense)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_the_product_is_right_through_cupy(fake_cupy, dtype):
    for matrix in ("rows not a multiple of 32", "one heavy row", "no columns", "power law"):
        assert excess(fake_cupy, NAME, BATTERY[matrix](dtype)) <= 1
    assert excess(fake_cupy, NAME, np.zeros((0, 40), DTYPES[dtype])) == 0


@pytest.mark.parametrize("shape", [(2200, 90), (1200, 90), (8200, 40)])
def test_the_product_of_many_rows_is_right_through_cupy(fake_cupy, shape):
    assert excess(fake_cupy, NAME, uniform(*shape, 0.3)) <= 1


PLANS = [
    ((4096, 4096), Launch(1, 128, 4, 1, shared_bytes((4096, 4096), 4, 1))),
    ((11008, 4096), Launch(3, 344, 4, 1, shared_bytes((11008, 4096), 4, 1))),
    ((12288, 12288), Launch(3, 384, 2, 1, shared_bytes((12288, 12288), 2, 1))),
    ((8192, 8192), Launch(2, 256, 4, 1, shared_bytes((8192, 8192), 4, 1))),
    ((28672, 4096), Launch(2, 264, 4, 2, shared_bytes((28672, 4096), 4, 2))),
    ((8192, 28672), Launch(1, 132, 2, 1, shared_bytes((8192, 28672), 2, 1))),
]


@pytest.mark.parametrize(("shape", "wanted"), PLANS, ids=str)
def test_it_is_launched_as_these_shapes_ask_for(shape, wanted):
    assert runs(shape, H200)[0] == wanted


@pytest.mark.parametrize("shape", [(8192, 16384), (12288, 12288), (4096, 8192)])
def test_what_fits_once_on_a_multiprocessor_is_launched(shape):
    """Of 99 KiB; fewer blocks are there at once than the registers are for."""
    (run, *_) = runs(shape, Limits(84, 99 << 10))
    assert run.shared_bytes <= 99 << 10
    assert run.grid == min(84, -(-shape[0] // 32))


@pytest.mark.parametrize(("itemsize", "buffers"), [(4, 2), (4, 1), (2, 1)])
def test_x_and_bits_are_kept_as_the_shared_memory_allows(fake_cupy, monkeypatch, itemsize, buffers):
    from spmvbench.cuda import launch

    dense = uniform(1100, 900, 0.3)
    limit = Limits(4, shared_bytes(dense.shape, itemsize, buffers))
    monkeypatch.setattr(launch, "limits", lambda: limit)
    asked, compile_one = [], launch.kernel
    monkeypatch.setattr(
        launch, "kernel", lambda file, name: asked.append(name) or compile_one(file, name)
    )
    assert excess(fake_cupy, NAME, dense) <= 1
    assert asked == [f"slab_bitmap<__half, {'float' if itemsize == 4 else '__half'}, 16, 1>"]
    assert runs(dense.shape, limit)[0].buffers == buffers


def test_it_says_that_x_and_bits_are_too_much_for_this_gpu(fake_cupy, monkeypatch):
    from spmvbench.cuda import launch

    monkeypatch.setattr(launch, "limits", lambda: Limits(4, 48 << 10))
    fmt, dense = resolve(NAME), uniform(1, 30_000, 0.01)
    need = shared_bytes((1, 30_000), 2, 1)
    reason = (
        f"{NAME} keeps x and bits in shared memory: {need:,} bytes a block, this GPU has 49,152"
    )
    assert fmt.unavailable("cuda", Problem(1, 30_000, 0.01)) == reason
    with pytest.raises(ValueError, match=f"^{reason}$"):
        fmt.plan(fmt.pack(dense), Target(fake_cupy))
