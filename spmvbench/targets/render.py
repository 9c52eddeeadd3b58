"""Lines as a table, for a console or to paste, and the sentence that sums them up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from spmvbench.claim import Targets
from spmvbench.curves import tail
from spmvbench.summary import layout
from spmvbench.summary.layout import SHAPE, Table
from spmvbench.summary.sentence import times
from spmvbench.targets.line import (
    BEYOND,
    MISSED,
    NOT_MEASURED,
    PASSED,
    SHORT,
    Line,
)

if TYPE_CHECKING:
    from rich.console import Console

ALWAYS = (SHAPE, "density", "threads")
"""Columns of the problem that stand in the table even where they say the same throughout."""

STYLES = {BEYOND: "green", SHORT: "yellow", MISSED: "red", NOT_MEASURED: "yellow"}


def print_lines(lines: Sequence[Line], targets: Targets, device: str, console: Console) -> None:
    """Print the table, what it is judged for, why lines have no ratio, and the sentence."""
    layout.show(_table(lines, targets, device), console)
    console.print(f"\n{sentence(lines)}", highlight=False, soft_wrap=True)


def to_markdown(lines: Sequence[Line], targets: Targets, device: str) -> str:
    """The same to paste."""
    return f"{layout.to_markdown(_table(lines, targets, device))}\n\n{sentence(lines)}"


def sentence(lines: Sequence[Line]) -> str:
    """`21 of 24 targets met, 5 of them beyond; 2 short, 1 not measured`."""
    count = Counter(line.verdict for line in lines)
    passed = sum(count[name] for name in PASSED)
    beyond = f", {count[BEYOND]} of them beyond" if count[BEYOND] else ""
    rest = [f"{count[name]} {name}" for name in (SHORT, MISSED, NOT_MEASURED) if count[name]]
    return "; ".join(
        filter(None, [f"{passed} of {len(lines)} targets met{beyond}", ", ".join(rest)])
    )


def _table(lines: Sequence[Line], targets: Targets, device: str) -> Table:
    columns: dict[str, Callable[[Line], str]] = {"target": _words}
    columns |= {name: _reader(name) for name in _places(lines)}
    columns |= {"measured": _measured, "at least": _at_least, "beyond": _beyond}
    if any(line.rival != (line.claim.than or "") for line in lines):
        columns["rival"] = lambda line: tail(line.rival)
    columns["verdict"] = lambda line: line.verdict
    cells = [[cell(line) for cell in columns.values()] for line in lines]
    tiers = list(dict.fromkeys(line.tier for line in lines))
    title = " · ".join(["Targets", device, *filter(None, tiers)])
    notes = [*(_judged_for(tier, targets) for tier in tiers), *_reasons(lines)]
    whole = [name for name in columns if name not in ("target", "rival")]
    return Table(
        *(title, list(columns), cells, [*filter(None, notes)]),
        section="target",
        once=True,
        whole=whole,
        styles=STYLES,
    )


def _words(line: Line) -> str:
    claim = line.claim
    than = tail(claim.than) if isinstance(claim.than, str) else claim.than
    return replace(claim, format=tail(claim.format), than=than).words


def _places(lines: Sequence[Line]) -> list[str]:
    """The columns of the problem: the others only where they differ."""
    names = dict.fromkeys(name for line in lines for name in line.where)
    return [n for n in names if n in ALWAYS or len({x.where[n] for x in lines if n in x.where}) > 1]


def _reader(name: str) -> Callable[[Line], str]:
    return lambda line: line.where.get(name, "")


def _measured(line: Line) -> str:
    """`1.54x (1.50-1.57)`, `47 % (45-48)`."""
    found = line.measured
    if found is None:
        return "-"
    bounds = "-".join(_value(line, end).rstrip("x %") for end in (found.low, found.high))
    return f"{_value(line, found.value)} ({bounds})"


def _at_least(line: Line) -> str:
    return _value(line, line.at_least) if line.at_least else "-"


def _beyond(line: Line) -> str:
    return _value(line, line.beyond) if line.beyond else ""


def _value(line: Line, value: float) -> str:
    return times(value) if line.claim.than else f"{100 * value:.0f} %"


def _judged_for(tier: str, targets: Targets) -> str:
    """Which share of the targets is asked, where that depends on the machine; else ""."""
    if not tier and set(targets.scale.values()) - {1.0}:
        return "the SIMD tier was not noted beside these rows: every ratio is asked whole"
    share = targets.share(tier)
    if share == 1:
        return ""
    asked = f"{share:g} of each ratio is" if share else "no ratio is, only right products are"
    return f"judged for {tier}: {asked} asked"


def _reasons(lines: Sequence[Line]) -> list[str]:
    """Why lines are not measured, each reason once: `30 not measured: csr-mkl is unavailable`."""
    count = Counter(line.reason for line in lines if line.reason)
    return [f"{number} {NOT_MEASURED}: {reason}" for reason, number in count.items()]
