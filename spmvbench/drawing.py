"""The figures of results folders, into their plots/."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spmvbench.records import csv_files, load

if TYPE_CHECKING:
    import pandas as pd

PLOTS = "plots"


def draw_all(paths: Sequence[Path], *, everything: bool) -> None:
    """Draw the figures of every results folder at or below the paths."""
    import typer

    for file in sorted({file for path in paths for file in csv_files(path)}):
        drawn = draw_folder(load([file]), file.parent, everything=everything)
        typer.echo(f"{file}: {len(drawn)} files in {file.parent / PLOTS}")


def draw_folder(records: pd.DataFrame, folder: Path, *, everything: bool = False) -> list[Path]:
    """The files drawn; of many rows, unless `everything` is asked for, some, and it is said.

    Where nothing was timed there is nothing to draw, which is no mistake.
    """
    import typer

    from spmvbench.plots import draw

    if not records["median_us"].notna().any():
        return []
    return draw(records, folder / PLOTS, everything=everything, left_out=typer.echo)
