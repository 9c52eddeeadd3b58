"""How long packing, unpacking and the product of each format take on 1024 x 4096, density 0.3."""

from __future__ import annotations

import numpy as np
import pytest
from host_target import HostTarget, vectors

from spmvbench.formats import resolve

NAMES = ("macko", "bitmap", "csr16", "dense-f16", "dense-int8", "dense-int4")


@pytest.fixture(scope="module")
def dense():
    rng = np.random.default_rng(47)
    values = rng.uniform(-1, 1, (1024, 4096)) * (rng.random((1024, 4096)) < 0.3)
    return values.astype(np.float16)


@pytest.mark.parametrize("name", NAMES)
def test_pack(benchmark, name, dense):
    assert benchmark(resolve(name).pack, dense).shape == dense.shape


@pytest.mark.parametrize("name", NAMES)
def test_unpack(benchmark, name, dense):
    fmt = resolve(name)
    assert benchmark(fmt.unpack, fmt.pack(dense)).shape == dense.shape


@pytest.mark.parametrize("name", NAMES)
def test_product(benchmark, name, dense):
    fmt, target = resolve(name), HostTarget()
    matvec = fmt.plan(fmt.pack(dense), target)
    x, y = target.put(vectors(4096)), target.empty(1024, np.float32)
    benchmark(matvec, x, y)
    assert np.isfinite(y).all()
