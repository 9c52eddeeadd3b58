"""One small problem measured on the CPU, in real workers: the rows of formats from outside."""

from __future__ import annotations

from spmvbench.case import Case, Timing
from spmvbench.problems import Problem
from spmvbench.process import WorkerProcess
from spmvbench.records import Results
from spmvbench.runner import Runner


def measured(tmp_path, *formats, timeout_s=20, **problem):
    """The saved rows by format."""
    quick = Timing(budget_s=0.02, min_samples=6, timeout_s=timeout_s)
    case = Case("t", Problem(48, 600, 0.5, **problem), formats, "hot", 1, quick)

    def start():
        return WorkerProcess("cpu", [name for name in formats if ":" in name])

    with Results(tmp_path / "r") as results:
        runner = Runner(results, start(), start, lambda record: None)
        try:
            runner.measure(case)
        finally:
            runner.close()
    return {row.format: row for row in results.rows}
