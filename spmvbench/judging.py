"""The battery in a worker: a format that crashes or hangs loses its cell, not the judgement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import typer

from spmvbench.battery import BATTERY
from spmvbench.case import Timing
from spmvbench.conformance import DTYPES, Cell, Verdict, cells
from spmvbench.formats import check_name, names
from spmvbench.process import Lost, WorkerProcess

LOSSES = 3
"""Workers that one format may cost before it has been judged enough."""

SHOWN = 5
"""Failures shown per format; the number of the others is said."""


CELL = (
    f"a cell: one of {len(BATTERY)} matrices, in one of {len(DTYPES)} dtypes, "
    "times one x or several"
)


def judge_all(formats: Sequence[str], device: str) -> bool:
    """Judge each, print a line each and its first failures; whether all are right."""
    for name in formats:
        check_name(name)
    typer.echo(CELL)
    good = True
    for name in formats or sorted(names()):
        verdicts = list(judge(name, device))
        good &= _print(name, verdicts)
    return good


def judge(name: str, device: str) -> Iterator[Verdict]:
    """One verdict per cell of the battery, up to the third that the worker is lost to."""
    todo: list[Cell] | None = None
    for _ in range(LOSSES):
        done = 0
        worker = WorkerProcess(device, [name] if ":" in name else [])
        todo = cells(worker.hello["kind"]) if todo is None else todo
        try:
            job = {"do": "conform", "format": name, "cells": todo}
            for said in worker.ask(job, timeout_s=Timing().timeout_s):
                yield Verdict(**said)
                done += 1
            return
        except Lost as lost:
            if done == len(todo):
                return
            yield _lost(todo[done], lost)
            todo = todo[done + 1 :]
        finally:
            worker.stop()


def _lost(cell: Cell, lost: Lost) -> Verdict:
    return Verdict(*cell, "timeout" if lost.hung else "crashed", lost.why)


def _print(name: str, verdicts: Sequence[Verdict]) -> bool:
    judged = [v for v in verdicts if v.status != "unavailable"]
    bad = [v for v in judged if v.status != "ok"]
    if not judged:
        typer.echo(f"{name}: not judged: {verdicts[0].reason}")
        return True
    if not bad:
        typer.echo(f"{name}: right in all {len(judged)} cells")
        return True
    if len(bad) == len(judged) > 1 and {(v.status, v.reason) for v in bad} == {
        ("error", bad[0].reason)
    }:
        typer.echo(f"{name}: error in all {len(bad)} cells: {bad[0].reason}")
        return False
    typer.echo(f"{name}: wrong in {len(bad)} of {len(judged)} cells")
    for v in bad[:SHOWN]:
        typer.echo(f"  {v.matrix}, {v.dtype}, batch {v.batch}: {v.status}: {v.reason}")
    if len(bad) > SHOWN:
        typer.echo(f"  and {len(bad) - SHOWN} more")
    if skipped := len(cells()) - len(verdicts):
        typer.echo(f"  gave up after {LOSSES} lost workers; {skipped} cells are not judged")
    return False
