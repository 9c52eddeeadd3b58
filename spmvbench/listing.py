"""Formats x devices: available, or the reason why not and how to get it."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from spmvbench.devices import KINDS, open_device
from spmvbench.errors import UserError
from spmvbench.formats import names, resolve


def show() -> None:
    """Print the table, and below it each reason once, by the number that stands in the cells."""
    missing = {kind: reason for kind in KINDS if (reason := _missing(kind))}
    table = Table(box=None, pad_edge=False)
    for title in ("format", "dense", "lossless", *KINDS):
        table.add_column(title, overflow="fold")
    reasons: dict[str, int] = {}
    for name in sorted(names()):
        fmt = resolve(name)
        cells = ["yes" if is_it else "" for is_it in (fmt.dense, fmt.lossless)]
        for kind in KINDS:
            why = "" if kind in fmt.devices else "-"
            if not why and (reason := fmt.unavailable(kind) or missing.get(kind)):
                reason = reason.removeprefix(f"{name}: ")
                why = f"no ({reasons.setdefault(reason, len(reasons) + 1)})"
            cells.append(why or "available")
        table.add_row(name, *cells)
    console = Console()
    console.print(table)
    console.print("\n-: has no kernel there")
    for reason, number in reasons.items():
        console.print(Text(f"({number}) {reason}"), soft_wrap=True)


def _missing(kind: str) -> str | None:
    """Why there is no such device here."""
    try:
        open_device(kind)
    except UserError as error:
        return str(error)
    return None
