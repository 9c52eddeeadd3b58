"""The battery in a worker: a format that crashes or hangs loses its cell, not the judgement."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import indent

import typer

from spmvbench.battery import BATTERY
from spmvbench.case import Timing
from spmvbench.conformance import DTYPES, Cell, Verdict, cells, conform
from spmvbench.devices import open_device
from spmvbench.devices.base import Device
from spmvbench.errors import UserError, did_you_mean
from spmvbench.formats import check_name, names
from spmvbench.formats.base import WAY_OUT
from spmvbench.process import Lost, WorkerProcess
from spmvbench.watch import Watch

LOSSES = 3
"""Workers that one format may cost before it has been judged enough."""

SHOWN = 5
"""Failures, and reasons to judge less, shown per format; the number of the others is said."""

SHOWN_LINES = 10
"""Of what a format prints, the last so many lines are shown."""

RIGHT, WRONG, NOT_JUDGED = range(3)
"""What comes of a judgement, as an exit code."""

CELL = (
    f"a cell: one of {len(BATTERY)} matrices, in one of {len(DTYPES)} dtypes, "
    "times one x or several"
)


@dataclass(frozen=True)
class Asked:
    """Which cells, all where none are named; and how much is shown of what comes out.

    `here`: in this process, which a crash ends: a debugger sees it then.
    """

    matrices: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ()
    everything: bool = False
    timeout_s: float = Timing.timeout_s
    here: bool = False

    def cells(self, kind: str) -> list[Cell]:
        """Those of the battery for a kind of device, in order."""
        return [
            cell
            for cell in cells(kind)
            if (not self.matrices or cell[0] in self.matrices)
            and (not self.dtypes or cell[1] in self.dtypes)
        ]


@dataclass(frozen=True)
class Judged:
    """One verdict per cell that was judged, how many were not, and what the format has printed."""

    verdicts: list[Verdict]
    left: int
    printed: str


def judge_all(formats: Sequence[str], device: str, asked: Asked | None = None) -> int:
    """Judge each, print a line each and its first failures; the worst that came of one.

    Without names all formats are judged, and those that cannot run here count as right.
    Raises: UserError for what there is not.
    """
    asked = asked or Asked()
    for word, known in ((asked.matrices, tuple(BATTERY)), (asked.dtypes, DTYPES)):
        for name in word:
            _known(name, known)
    for name in formats:
        check_name(name)
    typer.echo(CELL)
    came = [_shown(name, judge(name, device, asked), asked) for name in formats or sorted(names())]
    if WRONG in came:
        return WRONG
    return max(came) if formats else RIGHT


def _known(name: str, known: Sequence[str]) -> None:
    if name not in known:
        near = did_you_mean(name, known)
        expected = f"{near} Expected" if near else "; expected"
        raise UserError(f"check: there is no '{name}'{expected} one of: {'; '.join(known)}")


def judge(name: str, device: str, asked: Asked) -> Judged:
    """The verdicts over the battery, up to the third that the worker is lost to."""
    if asked.here:
        return _here(name, open_device(device), asked)
    todo: list[Cell] | None = None
    verdicts: list[Verdict] = []
    printed = ""
    for _ in range(LOSSES):
        worker = WorkerProcess(device, [name] if ":" in name else [])
        todo = asked.cells(worker.hello["kind"]) if todo is None else todo
        left = todo[len(verdicts) :]
        try:
            job = {"do": "conform", "format": name, "cells": left}
            for said in worker.ask(job, timeout_s=asked.timeout_s):
                verdicts.append(Verdict(**said))  # noqa: PERF401  those before a loss are kept
            printed += worker.printed()
            break
        except Lost as lost:
            printed += lost.printed
            if len(verdicts) == len(todo):
                break
            verdicts.append(_lost(todo[len(verdicts)], lost))
        finally:
            worker.stop()
    return Judged(verdicts, len(todo or ()) - len(verdicts), printed)


def _here(name: str, device: Device, asked: Asked) -> Judged:
    sys.path.insert(0, "")  # as a worker, which is run with -m, finds what is beside the file
    with TemporaryDirectory(prefix="spmvbench-") as folder:
        watch = Watch(Path(folder) / "watch")
        return Judged(list(conform(name, device, watch, asked.cells(device.kind))), 0, "")


def _lost(cell: Cell, lost: Lost) -> Verdict:
    return Verdict(*cell, "timeout" if lost.hung else "crashed", lost.why)


def _shown(name: str, judged: Judged, asked: Asked) -> int:
    """Print what came of a format."""
    verdicts = [v for v in judged.verdicts if v.status != "unavailable"]
    bad = [v for v in verdicts if v.status != "ok"]
    if not verdicts:
        typer.echo(f"{name}: not judged: {_why(judged.verdicts[0])}")
    elif not bad:
        said = _left_out(judged.verdicts)
        typer.echo(f"{name}: right in {_of(len(verdicts), 'cell')}{said}")
    elif _alike(bad, verdicts):
        typer.echo(f"{name}: error in {_of(len(bad), 'cell')}: {bad[0].reason}{_packs(verdicts)}")
        typer.echo(indent(bad[0].trace, "  ") if asked.everything else "", nl=False)
    else:
        typer.echo(f"{name}: wrong in {len(bad)} of {len(verdicts)} cells{_packs(verdicts)}")
        _list(bad, asked)
    if bad and judged.left:
        typer.echo(f"  gave up after {LOSSES} lost workers; {judged.left} cells are not judged")
    _quote(judged.printed, asked)
    return WRONG if bad else RIGHT if verdicts else NOT_JUDGED


def _left_out(verdicts: Sequence[Verdict]) -> str:
    """What was not judged, and why: types, then numbers of columns of x, then single matrices."""
    judged = [v for v in verdicts if v.status != "unavailable"]
    dtypes, batches = {v.dtype for v in judged}, {v.batch for v in judged}
    found: dict[str, list[str]] = {}
    for v in (v for v in verdicts if v.status == "unavailable"):
        what, why = v.matrix, _why(v)
        if v.dtype not in dtypes:
            what, why = v.dtype, "not among its types" if WAY_OUT in v.reason else why
        elif v.batch not in batches:
            what = f"{v.batch} column{'s' if v.batch > 1 else ''} of x"
        alike = found.setdefault(why, [])
        if what not in alike:
            alike.append(what)
    said = [f"{', '.join(alike)} ({why})" for why, alike in found.items()]
    if len(said) > SHOWN:
        said[SHOWN:] = [f"{len(said) - SHOWN} more reasons"]
    return f"; not judged: {'; '.join(said)}" if said else ""


def _why(verdict: Verdict) -> str:
    """Why a format cannot take a cell, without the words for an experiment."""
    return verdict.reason.partition(WAY_OUT)[0]


def _of(number: int, what: str) -> str:
    return f"all {number} {what}s" if number > 1 else f"the one {what}"


def _alike(bad: Sequence[Verdict], verdicts: Sequence[Verdict]) -> bool:
    same = {(v.status, v.reason) for v in bad} == {("error", bad[0].reason)}
    return same and len(bad) == len(verdicts) > 1


def _packs(verdicts: Sequence[Verdict]) -> str:
    """That pack and unpack are right already, where some are."""
    right = sum(v.packs for v in verdicts)
    return f"; pack and unpack are right in {right}" if right else ""


def _list(bad: Sequence[Verdict], asked: Asked) -> None:
    shown = bad if asked.everything else bad[:SHOWN]
    for v in shown:
        typer.echo(f"  {v.matrix}, {v.dtype}, batch {v.batch}: {v.status}: {v.reason}")
        if asked.everything:
            typer.echo(indent(v.trace, "    "), nl=False)
    if more := len(bad) - len(shown):
        typer.echo(f"  and {more} more; --all shows them, with tracebacks")


def _quote(printed: str, asked: Asked) -> None:
    """What the format has printed, the end of it."""
    lines = printed.rstrip().splitlines()
    if not lines:
        return
    shown = lines if asked.everything else lines[-SHOWN_LINES:]
    which = "" if shown == lines else f", the last {len(shown)} of {len(lines)} lines"
    typer.echo(f"  printed meanwhile{which}:")
    typer.echo(indent("\n".join(shown), "    "))
