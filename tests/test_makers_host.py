"""Kernels that make and pack matrices: inside their arrays, and the same in any order of lanes."""

from __future__ import annotations

import pytest
from cuhost.host_module import missing
from kernel_table import FOLDER, MAKERS, TYPES
from making import make, pack
from replay import FEW_KEYS, differing, few_keys, record, with_keys

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
