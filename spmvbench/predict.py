"""What a case will take, without measuring it: for `--dry-run`."""

from __future__ import annotations

import math
from dataclasses import replace

from spmvbench.case import Case
from spmvbench.devices.base import Device
from spmvbench.guard import Failure, guard
from spmvbench.prepare import SAMPLE_ROWS, find, predict_bytes
from spmvbench.problems import build

FIXED_S = 1.0
"""Seconds of every case whatever its size: bandwidth probes, empty products, statistics."""

GENERATE_S = 50e-9
"""Seconds to generate one element and to compute what the products with it must be."""

FORMAT_S = 25e-9
"""Seconds to pack one element and to check the products with it, per format."""

SAMPLING_SHARE = 0.6
"""Share of the sampling budget that is used: most formats are precise before it is spent."""


def seconds(case: Case) -> float:
    """Likely time of a case on two cores; rough, for planning only."""
    n = len(case.formats)
    setup = case.problem.elements * (GENERATE_S + n * FORMAT_S)
    return FIXED_S + setup + n * SAMPLING_SHARE * case.timing.budget_s


def packed_bytes(case: Case, device: Device) -> dict[str, int | str]:
    """Per format: bytes of the packed matrix, from packing a few rows, or why there are none."""
    problem = case.problem
    if not problem.source:
        problem = replace(problem, rows=min(problem.rows, SAMPLE_ROWS))
    dense = build(problem)
    scale = case.problem.rows / max(problem.rows, 1)

    def size(name: str) -> int | str:
        fmt = find(name, device, case.problem, case.programs)
        got = fmt if isinstance(fmt, Failure) else guard(lambda: predict_bytes(fmt, dense))
        return got.reason if isinstance(got, Failure) else math.ceil(got * scale)

    return {name: size(name) for name in case.formats}
