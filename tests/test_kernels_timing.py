"""The timer's own kernels: they compile everywhere, stay inside arrays, and give up in time."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from cuhost import host_module
from cuhost.host_module import Launch, build
from kernel_table import FOLDER
from nvrtc import compile_for, missing
from test_kernels_nvrtc import ARCHITECTURES

FILE = FOLDER / "timing.cu"
NAMES = ("wait_until_open", "nothing", "read_all", "copy_all")

on_the_cpu = pytest.mark.skipif(bool(host_module.missing()), reason=host_module.missing())


@cache
def module():
    return build(FILE, NAMES, sanitized=True)


@pytest.mark.skipif(bool(missing()), reason=missing())
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_they_compile_without_spills(arch):
    found = compile_for(FILE, arch, NAMES)
    assert found.usages.keys() == set(NAMES)
    assert all((u.spilled, u.stack) == (0, 0) for u in found.usages.values())


@on_the_cpu
@pytest.mark.parametrize("loads", [0, 1, 511, 4096, 70_001])
def test_a_copy_is_whole_and_nothing_else_is_touched(loads):
    source = np.arange(4 * loads, dtype=np.uint32)
    arguments = (source, np.zeros_like(source), np.int64(loads))
    (copied,) = module().run([Launch("copy_all", 3, 512, arguments, 1)])
    np.testing.assert_array_equal(copied, source)


@on_the_cpu
@pytest.mark.parametrize("loads", [0, 1, 7, 8, 9, 100])
def test_a_thread_reads_all_that_is_its_own(loads):
    # The one sum of words that is written: only a whole read gives it.
    words = np.random.default_rng(1).integers(0, 2**32, 4 * loads, np.uint32)
    words[-1:] += np.uint32((0x9E3779B9 - int(words.sum(dtype=np.uint64))) % 2**32)
    arguments = (words, np.int64(loads), np.zeros(1, np.uint32))
    (sink,) = module().run([Launch("read_all", 1, 1, arguments, 2)])
    assert sink[0] == (0x9E3779B9 if loads else 0)


@on_the_cpu
@pytest.mark.parametrize("loads", [1, 511, 12_289, 70_001])
def test_many_threads_read_to_the_end_and_not_past_it(loads):
    words = np.zeros(4 * loads, np.uint32)
    words[-1] = 0x9E3779B9
    arguments = (words, np.int64(loads), np.zeros(1, np.uint32))
    (sink,) = module().run([Launch("read_all", 3, 512, arguments, 2)])
    assert sink[0] == 0x9E3779B9


@on_the_cpu
@pytest.mark.parametrize(("opened", "late"), [(1, 0), (0, 1)])
def test_a_gate_that_stays_closed_is_given_up_and_said(opened, late):
    arguments = (np.full(1, opened, np.int32), np.zeros(1, np.int32), np.uint64(1_000_000))
    (said,) = module().run([Launch("wait_until_open", 1, 1, arguments, 1)])
    assert said[0] == late
