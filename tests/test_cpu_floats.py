"""Conversion to float32 is exact for every bit pattern, on any CPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spmvbench.cpu.bits import count_ones, lowest_one
from spmvbench.cpu.dense import convert
from spmvbench.cpu.floats import kernel_view, to_float32, widen
from spmvbench.dtypes import DTYPES
from spmvbench.errors import FormatError

EVERY = np.arange(2**16, dtype=np.uint16).reshape(256, 256)

WITHOUT_F16C = """
import numpy as np
from host_target import product, vectors, worst_error
from spmvbench.formats import resolve
dense = (np.arange(2**15).reshape(128, 256) % 31743 * 3).astype(np.uint16) % 31744
dense = dense.view(np.float16)
x = vectors(256)
for name in ("macko", "dense-f16"):
    fmt = resolve(name)
    assert worst_error(product(fmt, fmt.pack(dense), x), dense, x) <= 1
"""


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_all_65536_patterns_convert_exactly(dtype):
    values = EVERY.view(DTYPES[dtype])
    floats = np.empty(values.shape, np.float32)
    convert(kernel_view(values), floats)
    with np.errstate(invalid="ignore"):
        wanted = values.astype(np.float32)
    numbers = ~np.isnan(wanted)
    assert np.array_equal(floats.view(np.uint32)[numbers], wanted.view(np.uint32)[numbers])
    assert np.isnan(floats[~numbers]).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "int8"])
def test_uncompiled_the_values_convert_as_compiled(dtype):
    kind = np.dtype(DTYPES.get(dtype, dtype))
    stored = np.array([-3, 0, 1, 2, 100]).astype(kind)
    values = stored if dtype == "int8" else kernel_view(stored)
    one_by_one = [to_float32(value) for value in values]
    together = widen(values, np.empty(values.size + 1, np.float32))
    for floats in (np.array(one_by_one), together):
        assert floats.dtype == np.float32
        assert floats.tolist() == [-3, 0, 1, 2, 100]


def test_a_cpu_without_float16_conversion_gets_the_same_products():
    """LLVM's own conversion would call a function that is not there: the process would die."""
    features = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    subprocess.run(
        [sys.executable, "-c", WITHOUT_F16C],
        env={**os.environ, **features, "PYTHONPATH": str(Path(__file__).parent)},
        cwd=Path(__file__).parent.parent,
        check=True,
    )


@pytest.mark.parametrize("word", [1, 2**63, 2**64 - 1, 0x0123456789ABCDEF, 0xF0 << 40])
def test_bits_are_counted_and_found_as_python_does(word):
    assert count_ones(np.uint64(word)) == word.bit_count()
    assert lowest_one(np.uint64(word)) == (word & -word).bit_length() - 1


def test_a_type_that_kernels_do_not_know_is_named():
    with pytest.raises(FormatError, match="values are float64; expected one of float16, bfloat16"):
        kernel_view(np.zeros(3))
