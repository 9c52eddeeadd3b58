"""Findings as a table, for a console or to paste."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from spmvbench.published.claim import Publication, publication
from spmvbench.published.judge import NOT_COMPARABLE, REFUTED, REPRODUCED, Finding
from spmvbench.summary import layout
from spmvbench.summary.layout import Table
from spmvbench.summary.sentence import times

if TYPE_CHECKING:
    from rich.console import Console

STYLES = {REPRODUCED: "green", REFUTED: "red", NOT_COMPARABLE: "yellow"}

HEADER = ["#", "claim", "density", "claimed", "seen here", "against", "verdict"]


def print_findings(found: Sequence[Finding], device: str, console: Console) -> None:
    """Print the table, why claims are not comparable, the sources, and the sentence."""
    layout.show(_table(found, device), console)
    console.print(f"\n{sentence(found)}", highlight=False, soft_wrap=True)


def to_markdown(found: Sequence[Finding], device: str) -> str:
    """The same to paste."""
    return f"{layout.to_markdown(_table(found, device))}\n\n{sentence(found)}"


def sentence(found: Sequence[Finding]) -> str:
    """`2 of 12 claims reproduced, 1 refuted, 9 not comparable`."""
    count = Counter(one.verdict for one in found)
    rest = [f"{count[name]} {name}" for name in (REFUTED, NOT_COMPARABLE) if count[name]]
    return ", ".join([f"{count[REPRODUCED]} of {len(found)} claims reproduced", *rest])


def _table(found: Sequence[Finding], device: str) -> Table:
    all_of = publication()
    condition = f"{all_of.dtype}, batch {all_of.batch}, {all_of.cache} cache"
    title = f"Published claims of MACKO · {condition} · {device}"
    cells = [[str(number), *_cells(one)] for number, one in enumerate(found, 1)]
    notes = [*_reasons(found), *_remarks(found), *_sources(found, all_of)]
    return Table(title, HEADER, cells, notes, whole=["claimed", "verdict"], styles=STYLES)


def _cells(one: Finding) -> list[str]:
    claim, seen = one.claim, one.seen
    densities = [f"{density:g}" for density in claim.densities]
    shown = densities[0] if len(densities) == 1 else f"{densities[0]} to {densities[-1]}"
    figure, against = "-", ""
    if seen:
        value = seen.value
        bounds = f" ({value.low:.2f}-{value.high:.2f})" if value.low < value.high else ""
        figure, against = times(value.value) + bounds, ", ".join(seen.rivals)
    return [claim.name, shown, claim.claimed, figure, against, one.verdict]


def _reasons(found: Sequence[Finding]) -> list[str]:
    """Each reason once: `not comparable 3, 4: claimed for rtx-4090; this is nvidia-h200`."""
    pairs = [(reason, n) for n, one in enumerate(found, 1) for reason in one.reasons]
    return [f"{NOT_COMPARABLE} {numbers}: {reason}" for reason, numbers in _grouped(pairs)]


def _remarks(found: Sequence[Finding]) -> list[str]:
    return [f"claim {n}: {one.claim.note}" for n, one in enumerate(found, 1) if one.claim.note]


def _sources(found: Sequence[Finding], all_of: Publication) -> list[str]:
    """`source of 1, 3: Macko and Boza, ..., abstract`."""
    pairs = [
        (f"{all_of.sources[one.claim.source]}, {one.claim.place}", number)
        for number, one in enumerate(found, 1)
    ]
    return [f"source of {numbers}: {source}" for source, numbers in _grouped(pairs)]


def _grouped(pairs: Sequence[tuple[str, int]]) -> list[tuple[str, str]]:
    """Each text once, with the numbers that it is beside: `3, 4, 9`."""
    groups: dict[str, list[str]] = {}
    for text, number in pairs:
        groups.setdefault(text, []).append(str(number))
    return [(text, ", ".join(numbers)) for text, numbers in groups.items()]
