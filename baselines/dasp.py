"""DASP, run as the program that its authors ship: it times itself, and is never linked."""

from __future__ import annotations

import os
import shlex

from spmvbench.external.format import External
from spmvbench.external.program import NUMBER, Program
from spmvbench.problems.base import Problem

VARIABLE = "SPMVBENCH_DASP"

TIME = rf"SpMV_X:\s*(?P<time>{NUMBER})\s*(?P<unit>ns|us|ms|s)\b"
"""Fits `SpMV_X:    0.0164 ms, 102.2689 GFlop/s`."""


class Dasp(External):
    """`spmv_half matrix.mtx`, the path of which is in SPMVBENCH_DASP. See docs/baselines.md."""

    name = "dasp"
    devices = ("cuda",)
    dtypes = ("float16",)

    @property
    def program(self) -> Program:
        """See `External.program`."""
        path = shlex.quote(os.environ.get(VARIABLE, ""))
        braced = path.replace("{", "{{").replace("}", "}}")
        return Program(self.name, f"{braced} {{mtx}}", TIME, timeout_s=300, devices=self.devices)

    def unavailable(self, device: str, problem: Problem | None = None) -> str | None:
        """See `Format.unavailable`."""
        if problem and problem.dtype not in self.dtypes:
            return f"{self.name} is run in float16, not {problem.dtype}"
        if device in self.devices and not os.environ.get(VARIABLE):
            return (
                f"{VARIABLE} is not set; docs/baselines.md says how to point it at DASP's spmv_half"
            )
        return super().unavailable(device, problem)
