"""Formats x devices: available, or the reason why not and how to get it."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from spmvbench.devices import KINDS, open_device
from spmvbench.errors import UserError
from spmvbench.formats import names, resolve


def show() -> None:
    """Print the table."""
    missing = {kind: reason for kind in KINDS if (reason := _missing(kind))}
    table = Table(box=None, pad_edge=False)
    for title in ("format", "dense", "lossless", *KINDS):
        table.add_column(title, overflow="fold")
    for name in sorted(names()):
        fmt = resolve(name)
        reasons = (fmt.unavailable(kind) or missing.get(kind) for kind in KINDS)
        yes = ["yes" if is_it else "" for is_it in (fmt.dense, fmt.lossless)]
        cells = (f"no: {why}" if why else "available" for why in reasons)
        table.add_row(name, *yes, *map(escape, cells))
    Console().print(table)


def _missing(kind: str) -> str | None:
    """Why there is no such device here."""
    try:
        open_device(kind)
    except UserError as error:
        return str(error)
    return None
