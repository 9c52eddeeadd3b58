"""What a case will take, without measuring it: for `--dry-run`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from spmvbench.case import Case
from spmvbench.devices.base import Device
from spmvbench.guard import Failure, guard
from spmvbench.prepare import SAMPLE_ROWS, find, predict_bytes
from spmvbench.problems import build


@dataclass(frozen=True)
class Pace:
    """How long a kind of device takes.

    `fixed_s`: every case whatever its size: bandwidth probes, empty products, statistics.
    `generate_s`: to generate an element and to compute what the products with it must be.
    `format_s`: to pack an element and to check the products with it, per format.
    `sampling_share`: of the sampling budget; most formats are precise before it is spent.
    """

    fixed_s: float
    generate_s: float
    format_s: float
    sampling_share: float


CPU = Pace(1.0, 50e-9, 25e-9, 0.6)
"""Two cores."""

GPU = Pace(1.5, 2e-9, 0.7e-9, 0.1)
"""Counted, not measured yet. A stored matrix is read and pruned on the host, and takes longer."""


def seconds(case: Case) -> float:
    """Likely time of a case; rough, for planning only."""
    pace, n = CPU if case.threads else GPU, len(case.formats)
    setup = case.problem.elements * (pace.generate_s + n * pace.format_s)
    return pace.fixed_s + setup + n * pace.sampling_share * case.timing.budget_s


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
