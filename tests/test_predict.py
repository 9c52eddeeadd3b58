from __future__ import annotations

from dataclasses import replace

import pytest

from spmvbench.case import Case
from spmvbench.devices.cpu import CpuDevice
from spmvbench.formats import resolve
from spmvbench.predict import packed_bytes, seconds
from spmvbench.problems import Problem, build

NAMES = ("macko", "bitmap", "csr16", "dense-f16", "dense-int8", "dense-int4")
CASE = Case("t", Problem(3000, 700, 0.3), NAMES, "cold", 1)


@pytest.mark.parametrize("density", [0.05, 0.5, 1.0])
def test_predicted_bytes_are_near_those_of_the_packed_matrix(density):
    case = replace(CASE, problem=replace(CASE.problem, density=density))
    dense = build(case.problem)
    for name, predicted in packed_bytes(case, CpuDevice()).items():
        assert predicted == pytest.approx(resolve(name).pack(dense).nbytes, rel=0.05), name


def test_a_format_that_cannot_take_the_problem_says_why():
    case = replace(CASE, problem=Problem(2, 65537, 0.1), formats=("csr16", "macko"))
    got = packed_bytes(case, CpuDevice())
    assert "65536" in got["csr16"]
    assert got["macko"] > 0


def test_a_gpu_is_expected_to_be_faster():
    assert seconds(replace(CASE, threads=0)) < seconds(CASE)


def test_a_larger_matrix_is_expected_to_take_longer():
    larger = replace(CASE, problem=Problem(9000, 700, 0.3))
    assert seconds(larger) > seconds(CASE) > 0
