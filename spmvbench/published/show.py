"""The claims beside each results folder at or below some paths."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spmvbench.published.judge import judge
from spmvbench.published.render import print_findings, to_markdown
from spmvbench.records import csv_files, environments, load


def show_all(paths: Sequence[Path], *, markdown: bool) -> None:
    """Print a table for each. Raises: UserError where there are no rows."""
    import typer
    from rich.console import Console

    for file in dict.fromkeys(file for path in paths for file in csv_files(path)):
        records = load([file])
        found = judge(records, environments(file.parent))
        device = str(records["device"].iloc[0])
        if markdown:
            typer.echo(to_markdown(found, device))
        else:
            print_findings(found, device, Console())
