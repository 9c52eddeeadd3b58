"""auto: packs as one of ours does, chosen by density and width."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from host_target import HostTarget, product, vectors, worst_error
from test_formats import uniform

from spmvbench.cpu.tier import AVX2, AVX512, GENERIC, tier
from spmvbench.formats import auto, resolve

TIERS = (AVX512, AVX2, GENERIC)


@pytest.mark.parametrize(
    ("density", "cols", "itemsize", "tier_name", "chosen"),
    [
        (0.05, 4096, 2, AVX512, "csr16"),
        (0.1, 4096, 2, AVX512, "macko"),
        (0.3, 14336, 2, AVX512, "macko"),
        (0.5, 4096, 2, AVX512, "bitmap"),
        (0.95, 4096, 2, AVX512, "dense-f16"),
        (0.95, 14336, 2, AVX512, "bitmap"),
        (1, 14336, 2, AVX512, "dense-f16"),
        (0.01, 65_537, 2, AVX512, "macko"),
        (0.1, 4096, 4, AVX512, "csr16"),
        (0.2, 14336, 4, AVX512, "macko"),
        (0.3, 4096, 4, AVX512, "bitmap"),
        (0.95, 14336, 4, AVX512, "dense-f16"),
        (0.2, 4096, 2, AVX2, "csr16"),
        (0.5, 4096, 2, AVX2, "bitmap"),
        (0.2, 65_537, 2, AVX2, "bitmap"),
        (0.2, 4096, 2, GENERIC, "csr16"),
        (0.2, 65_537, 2, GENERIC, "dense-f16"),
        (0.5, 4096, 2, GENERIC, "dense-f16"),
    ],
)
def test_the_choice_follows_density_width_type_and_tier(density, cols, itemsize, tier_name, chosen):
    assert auto.choice(density, cols, itemsize, tier_name) == chosen


@pytest.mark.parametrize("table", auto.UP_TO.values(), ids=auto.UP_TO)
def test_the_densities_of_a_table_rise(table):
    assert list(table.values()) == sorted(table.values())


@pytest.mark.parametrize("tier_name", TIERS)
def test_every_tier_has_a_choice(tier_name):
    assert auto.choice(0.5, 64, 2, tier_name) in auto.CHOICES


@pytest.mark.parametrize("density", [0, 0.05, 0.2, 0.6, 1])
def test_the_bytes_and_the_product_are_those_of_the_format_chosen(density):
    dense, x = uniform(60, 300, density), vectors(300)
    packed = resolve("auto").pack(dense)
    name = auto.choice(float((dense != 0).mean()), 300, 2, tier())
    own = resolve(name).pack(dense)
    assert packed.layout == name
    assert {k: a.tobytes() for k, a in packed.arrays.items()} == {
        k: a.tobytes() for k, a in own.arrays.items()
    }
    assert np.array_equal(resolve("auto").unpack(packed), dense)
    assert worst_error(product(resolve("auto"), packed, x), dense, x) <= 1


@pytest.mark.parametrize("layout", ["", "coo"])
def test_arrays_of_no_known_layout_are_refused_in_one_line(layout):
    packed = replace(resolve("auto").pack(uniform(4, 40, 0.5)), layout=layout)
    for use in (resolve("auto").unpack, lambda p: resolve("auto").plan(p, HostTarget())):
        with pytest.raises(ValueError, match=r"^auto: the layout is '.*', expected one of .*$"):
            use(packed)


@pytest.mark.parametrize("dense", [np.zeros(4, np.float16), np.zeros((2, 2))], ids=str)
def test_what_is_no_matrix_of_a_known_type_is_refused(dense):
    with pytest.raises(ValueError, match="^auto: got an array of"):
        resolve("auto").pack(dense)
