"""Matrices made by the device's own kernels, on a CPU: every byte as the host makes it."""

from __future__ import annotations

import numpy as np
import pytest
from kernel_table import TYPES
from replay import few_keys, with_keys

from spmvbench.problems import Problem, build

PATTERNS = {
    "uniform": 0.5,
    "exact": 0.37,
    "row": 0.3,
    "banded": 0.2,
    "power-law": 0.1,
    "empty-rows": 0.3,
    "heavy-row": 0.05,
    "2:4": 0.5,
    "3:7": 3 / 7,
    "255:256": 255 / 256,
    "group2": 0.4,
    "group16": 0.5,
    "block2": 0.3,
    "block32": 0.5,
}

SHAPES = {
    "one element": (1, 1),
    "one row": (1, 1027),
    "one column": (261, 1),
    "columns of no power": (37, 131),
    "more rows than a block": (70, 64),
    "wide": (2, 65_600),
}


def same(problem):
    made, expected = build(problem, "cuda"), build(problem)
    assert made.dtype == expected.dtype
    return made.shape == expected.shape and made.get().tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_is_made_byte_for_byte(fake_cupy, pattern, dtype):
    assert same(Problem(53, 301, PATTERNS[pattern], dtype=dtype, pattern=pattern, seed=2**63 + 5))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_any_shape_is_made_byte_for_byte(fake_cupy, pattern, shape):
    density = 1.0 if shape in ("one element", "one column") else PATTERNS[pattern]
    density = PATTERNS[pattern] if pattern[0].isdigit() or pattern == "empty-rows" else density
    assert same(Problem(*SHAPES[shape], density, pattern=pattern))


@pytest.mark.parametrize("density", [1e-9, 1.0])
@pytest.mark.parametrize("pattern", ["uniform", "exact", "power-law", "heavy-row", "block4"])
def test_nothing_and_everything_may_be_kept(fake_cupy, pattern, density):
    assert same(Problem(9, 70, density, pattern=pattern))


@pytest.mark.parametrize("mask", [0x00000001, 0xC0000000, 0x00018003])
@pytest.mark.parametrize("pattern", ["exact", "row", "5:16"])
def test_equal_keys_are_kept_in_order(fake_cupy, monkeypatch, tmp_path, pattern, mask):
    density = 5 / 16 if pattern == "5:16" else 0.4
    with few_keys(mask, with_keys(mask, tmp_path / "kernels"), monkeypatch):
        for rows, cols in ((1, 2000), (40, 77)):
            assert same(Problem(rows, cols, density, pattern=pattern))


def test_a_stored_matrix_is_pruned_on_the_host_and_uploaded(fake_cupy, tmp_path):
    file = tmp_path / "a.npy"
    np.save(file, np.random.default_rng(0).normal(size=(20, 30)).astype(np.float32))
    source = {"source": str(file), "tensor": "a", "dtype": "float32"}
    assert same(Problem(20, 30, 0.3, pattern="magnitude", **source))


def test_a_matrix_without_elements_is_made_without_a_kernel(fake_cupy):
    made = build(Problem(0, 5, 0.5), "cuda")
    assert made.shape == (0, 5)
    assert not [line for line in fake_cupy.cuda.STATE.log if "kernel" in line]
