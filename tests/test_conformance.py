"""Every format on every matrix of the battery; and the battery must catch mistakes itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spmvbench.battery import BATTERY
from spmvbench.conformance import cells, conform
from spmvbench.devices.cpu import CpuDevice
from spmvbench.dtypes import DTYPES
from spmvbench.formats import names, resolve
from spmvbench.problems.patterns import GRID
from spmvbench.watch import Watch

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def device():
    return CpuDevice()


@pytest.fixture(scope="module")
def watch(tmp_path_factory):
    return Watch(tmp_path_factory.mktemp("watch") / "watch")


def judge(name, device, watch, todo):
    return list(conform(name, device, watch, todo))


@pytest.mark.parametrize("name", sorted(names()))
@pytest.mark.parametrize("matrix", BATTERY)
def test_a_format_keeps_the_bytes_and_multiplies_right(name, matrix, device, watch):
    if reason := resolve(name).unavailable("cpu"):
        pytest.skip(reason)
    verdicts = judge(name, device, watch, [cell for cell in cells() if cell[0] == matrix])
    bad = [v for v in verdicts if v.status not in ("ok", "unavailable")]
    assert not bad
    assert all(name == "csr16" for v in verdicts if v.status == "unavailable")


def test_only_65537_columns_are_too_many_for_csr16(device, watch):
    verdicts = judge("csr16", device, watch, cells())
    assert {v.matrix for v in verdicts if v.status == "unavailable"} == {"65,537 columns"}


@pytest.mark.parametrize("name", ["DropsOneValue", "WritesNothing", "KeepsY", "CoarseSums"])
def test_a_wrong_format_is_caught(name, device, watch):
    verdicts = judge(f"{HERE}/strangers.py:{name}", device, watch, cells())
    assert any(v.status in ("wrong", "error") for v in verdicts)


def test_a_format_that_unpacks_from_memory_is_refused(device, watch):
    verdicts = judge(f"{HERE}/strangers.py:UnpacksFromMemory", device, watch, cells()[:2])
    assert {v.status for v in verdicts} == {"error"}


def test_an_honest_lossy_format_is_right(device, watch):
    verdicts = judge(f"{HERE}/strangers.py:DropsSmallValues", device, watch, cells())
    assert {v.status for v in verdicts} == {"ok"}


@pytest.mark.parametrize("batch", [1, 3])
def test_one_dropped_value_among_12288_columns_is_refused_with_its_place(device, watch, batch):
    cell = ("a row of 12,288", "float16", batch)
    (verdict,) = judge(f"{HERE}/strangers.py:DropsOneValue", device, watch, [cell])
    dense = BATTERY["a row of 12,288"]("float16")
    column = int(np.flatnonzero(dense[1])[-1])
    assert verdict.status == "wrong"
    assert f"row 1, column {column}: saw 0, expected" in verdict.reason


ON_GRID = sorted(set(BATTERY) - {"NaN and Inf", "smallest and largest values"})


@pytest.mark.parametrize("matrix", ON_GRID)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_matrices_lie_on_the_grid_that_makes_sums_exact(matrix, dtype):
    scaled = BATTERY[matrix](dtype).astype(np.float64) / GRID
    assert (scaled == np.rint(scaled)).all()


class _Spoiled:
    """A right format with one habit changed."""

    def __init__(self, monkeypatch, **habits):
        from strangers import Right

        for name, habit in habits.items():
            monkeypatch.setattr(Right, name, habit)
        monkeypatch.setattr("spmvbench.conformance.find", lambda *args: Right())


def first(device, watch):
    return judge("spoiled", device, watch, [("one row", "float16", 1)])[0]


def test_a_product_that_changes_x_is_refused(device, watch, monkeypatch):
    _Spoiled(monkeypatch, habit=lambda self, a, x, y: x.fill(0))
    assert first(device, watch).status == "wrong"


def test_a_pack_that_changes_its_input_is_refused(device, watch, monkeypatch):
    from strangers import Right

    pack = Right.pack

    def spoiling(self, dense):
        dense[0, 0] += 1
        return pack(self, dense)

    _Spoiled(monkeypatch, pack=spoiling)
    assert first(device, watch).reason == "pack changes the matrix that it is given"


def test_a_pack_that_is_not_repeatable_is_refused(device, watch, monkeypatch):
    from strangers import Right

    from spmvbench.formats.base import Packed

    pack, count = Right.pack, iter(range(1000))

    def varying(self, dense):
        arrays = dict(pack(self, dense).arrays) | {"count": np.array([next(count)])}
        return Packed(dense.shape, str(dense.dtype), arrays)

    _Spoiled(monkeypatch, pack=varying)
    assert "twice gives different bytes" in first(device, watch).reason


def test_an_unpack_that_loses_a_value_names_its_place(device, watch, monkeypatch):
    from strangers import Right

    unpack = Right.unpack

    def losing(self, packed):
        dense = unpack(self, packed)
        dense[0, np.flatnonzero(dense[0])[2]] = 0
        return dense

    _Spoiled(monkeypatch, unpack=losing)
    column = int(np.flatnonzero(BATTERY["one row"]("float16")[0])[2])
    assert first(device, watch).reason.startswith(f"unpack: row 0, column {column}: saw 0, ")
