"""Kernels that make and pack matrices: inside their arrays, and the same in any order of lanes."""

from __future__ import annotations

import numpy as np
import pytest
from cuhost.host_module import Launch, build, missing
from kernel_cells import MATRICES
from kernel_table import FOLDER, MAKERS, TYPES, starts_by_entry
from making import make, pack
from replay import FEW_KEYS, differing, few_keys, record, with_keys

from spmvbench.cpu.slab import count
from spmvbench.formats import resolve
from spmvbench.problems import Problem
from spmvbench.problems.masks import mask_words
from spmvbench.problems.patterns import generate_rows

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

BACKWARD, SHUFFLED = 1, 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The kernels with few keys."""
    return with_keys(FEW_KEYS, tmp_path_factory.mktemp("few") / "kernels")


@pytest.fixture
def packed(fake_cupy, monkeypatch):
    return record(lambda: pack(fake_cupy, TYPES), fake_cupy, monkeypatch)


@pytest.fixture
def made(fake_cupy, monkeypatch):
    return record(make, fake_cupy, monkeypatch)


@pytest.fixture
def made_of_few_keys(fake_cupy, monkeypatch, folder):
    with few_keys(FEW_KEYS, folder, monkeypatch):
        return record(make, fake_cupy, monkeypatch)


def test_the_launches_are_of_every_kernel(packed, made, made_of_few_keys):
    launched = {one.launch.kernel for one in packed + made + made_of_few_keys}
    in_64_bits = {name for names in MAKERS.values() for name in names if "long long" in name}
    assert launched == {name for names in MAKERS.values() for name in names} - in_64_bits


@pytest.mark.parametrize("order", [0, SHUFFLED])
def test_packing_stays_inside_its_arrays(packed, order):
    assert not differing(packed, sanitized=True, order=order)


@pytest.mark.parametrize("order", [0, SHUFFLED])
def test_making_stays_inside_its_arrays(made, made_of_few_keys, folder, order):
    assert not differing(made, sanitized=True, order=order)
    assert not differing(made_of_few_keys, folder, sanitized=True, order=order)


def test_the_order_of_the_lanes_changes_nothing(packed, made, made_of_few_keys, folder):
    assert not differing(packed + made, sanitized=False, order=BACKWARD)
    assert not differing(made_of_few_keys, folder, sanitized=False, order=BACKWARD)


def test_row_pointers_may_be_of_64_bits(fake_cupy, monkeypatch):
    monkeypatch.setattr("spmvbench.cuda.packing.pointer_dtype", lambda stored: "int64")
    launches = record(lambda: pack(fake_cupy, ["float16"]), fake_cupy, monkeypatch)
    assert any("long long" in one.launch.kernel for one in launches)
    assert not differing(launches, FOLDER, sanitized=True)


def far(kernel, threads, first, arguments, shifts):
    """What one block, number `first`, leaves in its arrays, which begin far before their memory."""
    file = next(file for file, names in MAKERS.items() if kernel in names)
    places = tuple(i for i, a in enumerate(arguments) if isinstance(a, np.ndarray))
    launch = Launch(kernel, first + 1, threads, arguments, places, 0, shifts, first)
    return build(FOLDER / f"{file}.cu", MAKERS[file]).run([launch])[0]


ROW = 2**16 + 8
COLS = 2**16
"""Element (ROW, 0) of a matrix with so many columns lies beyond 32 bits."""


def test_elements_beyond_32_bits_are_made():
    problem = Problem(ROW + 1, COLS, 0.5)
    first = ROW * COLS // 1024
    limits = np.full(1, 2**63, np.uint64)
    dense = np.full(1024, 7, np.uint16)
    sizes = np.uint64(problem.seed), np.int64(problem.rows), np.int32(COLS)
    shifts = 2 * ROW * COLS, 8 * ROW
    made, _ = far("generate<__half>", 256, first, (dense, limits, *sizes), shifts)
    assert made.tobytes() == generate_rows(problem, ROW, ROW + 1)[0, :1024].tobytes()


def test_groups_beyond_32_bits_are_made():
    problem = Problem(ROW + 1, COLS, 0.5, pattern="2:4")
    first = ROW * COLS // 1024
    dense = np.full(1024, 7, np.uint16)
    sizes = np.uint64(problem.seed), *map(np.int32, (COLS, 2, 4, 1024))
    (made,) = far("generate_n_of_m<__half>", 256, first, (dense, *sizes), (2 * ROW * COLS,))
    assert made.tobytes() == generate_rows(problem, ROW, ROW + 1)[0, :1024].tobytes()


def test_the_kth_number_of_a_row_beyond_32_bits_is_found():
    keys = mask_words(47, ROW * COLS, (ROW + 1) * COLS).astype(np.uint64)
    numbers = np.sort(keys << np.uint64(32) | np.arange(COLS, dtype=np.uint64))
    arguments = np.zeros(1, np.uint64), np.uint64(47), np.int32(COLS), np.int32(1000)
    (limits,) = far("limits_of_rows", 256, ROW, arguments, (8 * ROW,))
    assert (numbers < limits[0]).sum() == 1000


@pytest.mark.parametrize("name", ["macko", "bitmap", "csr16"])
def test_rows_beyond_32_bits_are_packed(name):
    """A block's 8 rows, and row pointers that begin beyond 32 bits too."""
    dense = generate_rows(Problem(8, COLS, 0.1), 0, 8)
    packed = resolve(name).pack(dense)
    entries = 2**33
    pointers = packed.arrays["row_pointers"].astype(np.int64) + entries
    values = np.zeros(packed.arrays["values"].size, np.uint16)
    beside = {"macko": np.uint8, "csr16": np.uint16}
    outputs = [values] + [np.zeros(values.size, beside[name]) for _ in range(name in beside)]
    kernel = {"macko": "pack_gaps", "bitmap": "pack_values", "csr16": "pack_entries"}[name]
    sizes = np.int64(ROW + 8), np.int32(COLS)
    shifts = 2 * ROW * COLS, 8 * ROW, *(entries * array.itemsize for array in outputs)
    arguments = (dense.view(np.uint16), pointers, *outputs, *sizes)
    found = far(f"{kernel}<u16, long long>", 256, ROW // 8, arguments, shifts)
    assert found[2].tobytes() == packed.arrays["values"].tobytes()


def test_parts_of_rows_beyond_32_bits_start_where_they_do():
    packed = resolve("macko-fast").pack(MATRICES["rows of a few steps"]("float16"))
    starts = starts_by_entry(packed, 4)
    entries, rows = 2**33, packed.shape[0]
    pointers = packed.arrays["row_pointers"].astype(np.int64) + entries
    arguments = packed.arrays["deltas"], pointers, np.zeros_like(starts), np.int64(ROW + rows)
    shifts = entries // 2, 8 * ROW, 16 * ROW
    sizes = "macko_starts<long long>", 256, ROW // 8
    _, _, found = far(*sizes, (*arguments, np.int32(2)), shifts)
    np.testing.assert_array_equal(found[:8], starts[:8])


def test_rows_of_slabs_beyond_32_bits_are_packed():
    """8 rows far down in a matrix, in a slab far behind the first, whose groups lie far behind."""
    dense = generate_rows(Problem(8, COLS, 0.1), 0, 8)
    packed = resolve("slab5").pack(dense)
    place, group = 2**30, 2**31 + 4
    arrays = {name: array.copy() for name, array in packed.arrays.items()}
    arrays["offsets"] += np.uint32(group)
    arrays["row_order"] += np.uint32(ROW)
    outputs = {name: np.zeros_like(arrays[name]) for name in ("values", "low", "high", "starts")}
    outputs["values"] = outputs["values"].view(np.uint16)
    side = arrays["offsets"], outputs["starts"], arrays["groups"], arrays["row_order"]
    planes = outputs["values"], outputs["low"], outputs["high"]
    sizes = np.int64(place + 8), *map(np.int32, (COLS, 3, 6))
    before = place // 8 * 16  # warps of the slabs before
    shifts = 2 * ROW * COLS, 4 * before, 64 * before, 2 * place, 4 * place
    shifts += 16 * group, 4 * group, group
    arguments = dense.view(np.uint16), *side, *planes, *sizes
    found = far("pack_streams<5>", 256, place // 8, arguments, shifts)
    for i, name in ((2, "starts"), (5, "values"), (6, "low"), (7, "high")):
        assert found[i].tobytes() == packed.arrays[name].tobytes(), name


def test_entries_of_rows_beyond_32_bits_are_counted():
    dense = generate_rows(Problem(8, COLS, 0.1), 0, 8)
    arguments = dense.view(np.uint16), np.zeros(8, np.int64), np.int64(ROW + 8), np.int32(COLS)
    _, counts = far("count_streams<5>", 256, ROW // 8, arguments, (2 * ROW * COLS, 8 * ROW))
    right = np.zeros(8, np.int64)
    count(dense.view(np.uint16), 5, right)
    assert counts.tolist() == right.tolist()


def test_slabs_with_bitmaps_beyond_32_bits_are_packed():
    """As above, and streams and their bits far behind the first ones."""
    dense = generate_rows(Problem(8, COLS, 0.1), 0, 8).view(np.uint16)
    packed = resolve("slab-bitmap").pack(dense.view(np.float16)).arrays
    segments, words, stream = 64, COLS // 32 // 64, 2**32
    masks, sizes = np.zeros((8, segments, words), np.uint32), (np.int64(ROW + 8), np.int32(COLS))
    shifts = 2 * ROW * COLS, 4 * ROW * segments * words
    arguments = dense, masks, *sizes, np.int32(segments * words)
    _, masks = far("mask_streams", 256, ROW // 8, arguments, shifts)
    of_streams = masks, np.zeros(8 * segments, np.uint16), np.int64(stream + 8 * segments)
    shifts = 4 * stream * words, 2 * stream
    arguments = *of_streams, np.int32(words)
    for first in range(2):  # of two blocks that have those streams
        masks, groups = far("complete_streams", 256, stream // 256 + first, arguments, shifts)
        arguments = masks, groups, *arguments[2:]
    place, group = 2**30, 2**31 + 4
    side = [packed[name].copy() for name in ("offsets", "counts", "row_order")]
    side[0] += np.uint32(group)
    side[2] += np.uint32(ROW)
    before = place // 8 * 16  # warps of the slabs before
    shifts = 2 * ROW * COLS, 4 * ROW * segments * words, 4 * before, 64 * before, 4 * place
    shifts += 16 * group, 128 * words * before
    outputs = np.zeros(packed["values"].size, np.uint16), np.zeros_like(packed["bits"])
    sizes = np.int64(place + 8), *map(np.int32, (COLS, words, 3, 4))
    arguments = dense, masks, *side, *outputs, *sizes
    found = far("pack_slab_values", 256, place // 8, arguments, shifts)
    assert groups.sum() == packed["counts"].sum()
    assert found[5].tobytes() == packed["values"].tobytes()
    assert found[6].tobytes() == packed["bits"].tobytes()
