"""The claims beside each results folder at or below some paths, or in bundles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spmvbench.published.judge import judge
from spmvbench.published.render import print_findings, to_markdown
from spmvbench.records import CSV, load
from spmvbench.share.folders import all_opened


def show_all(paths: Sequence[Path], *, markdown: bool) -> None:
    """Print a table for each. Raises: UserError where there are no rows."""
    import typer
    from rich.console import Console

    with all_opened(paths) as folders:
        for folder in folders:
            records = load([folder.path / CSV])
            found = judge(records, folder.environments)
            device = str(records["device"].iloc[0])
            if markdown:
                typer.echo(to_markdown(found, device))
            else:
                print_findings(found, device, Console())
