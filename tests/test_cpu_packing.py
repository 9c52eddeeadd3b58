"""Packing by vectors gives the bytes that packing element by element gives."""

from __future__ import annotations

import numpy as np
import pytest
from guarded import guarded
from hypothesis import given, settings
from hypothesis import strategies as st
from test_formats import SPARSE, TYPES, random_bits

from spmvbench.cpu import tier
from spmvbench.formats import bitmap, csr16, macko, resolve

pytestmark = pytest.mark.skipif(tier.tier() != tier.AVX512, reason="the vectors are of AVX-512")

MODULES = {"macko": macko, "bitmap": bitmap, "csr16": csr16}


def both(name, dense):
    """The bytes of both ways, of a pack that has chosen neither."""
    fmt, module = resolve(name), MODULES[name]
    packed = []
    for select in (module._select, module._select_portably):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "_select", select)
            arrays = fmt.pack(dense).arrays
        packed.append({key: (a.dtype, a.shape, a.tobytes()) for key, a in arrays.items()})
    return packed


@pytest.mark.parametrize("name", SPARSE)
@given(
    rows=st.integers(0, 9),
    cols=st.integers(0, 300),
    density=st.one_of(st.floats(0, 1), st.floats(0, 0.06)),
    dtype=st.sampled_from(TYPES),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=150, deadline=None)
def test_both_ways_to_pack_give_the_same_bytes(name, rows, cols, density, dtype, seed):
    one, other = both(name, random_bits(rows, cols, density, dtype, seed))
    assert one == other


@pytest.mark.parametrize("name", SPARSE)
def test_columns_that_16_bits_cannot_count_pack_the_same_where_they_may(name):
    dense = random_bits(3, 65_536 if name == "csr16" else 70_000, 0.01, "float16", 4)
    one, other = both(name, dense)
    assert one == other


@pytest.mark.parametrize("at_end", [True, False])
@pytest.mark.parametrize("name", SPARSE)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", [(1, 1), (3, 63), (2, 64), (3, 65), (4, 200)])
def test_packing_reads_nothing_beside_the_matrix(name, dtype, shape, at_end, monkeypatch):
    """And writes nothing beside the arrays: a forbidden page is next to each of them."""
    plain = random_bits(*shape, 0.5, dtype, 9)
    dense = guarded(plain.nbytes, at_end).view(plain.dtype).reshape(shape)
    dense[...] = plain
    wanted = resolve(name).pack(plain)

    def empty(shape, dtype=float):
        nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        return guarded(nbytes, at_end).view(dtype).reshape(shape)

    monkeypatch.setattr("numpy.empty", empty)
    monkeypatch.setattr("numpy.zeros", empty)  # fresh pages are zeros
    packed = resolve(name).pack(dense)
    assert all(packed.arrays[key].tobytes() == a.tobytes() for key, a in wanted.arrays.items())
