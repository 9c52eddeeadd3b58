"""The figures of results folders, into their plots/, or beside the bundle that they are from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spmvbench.ending import wrote
from spmvbench.errors import ResultsError
from spmvbench.records import CSV, load
from spmvbench.share.folders import Folder, all_opened
from spmvbench.share.source import beside, is_bundle

if TYPE_CHECKING:
    import pandas as pd

PLOTS = "plots"

UNSEEN = "SPMVBENCH_UNSEEN"
"""Variable of runs that nobody looks at: they draw nothing. A gate sets it for its launches.

No option: revisions from before it would refuse that.
"""


def draw_all(paths: Sequence[Path], out: Path | None, *, everything: bool) -> None:
    """Draw the figures of every results folder at or below the paths, or in bundles.

    Raises: ResultsError for what cannot be read, and where two would draw into the same folder.
    """
    import typer

    with all_opened(paths) as folders:
        targets: dict[Path, Folder] = {}
        for folder in folders:
            other = targets.setdefault(target := _target(folder, out), folder)
            if other is not folder:
                raise ResultsError(
                    f"{target}: the figures of {other.given} and of {folder.given} would both go "
                    "there; draw them one by one"
                )
        for target, folder in targets.items():
            records = load([folder.path / CSV])
            drawn = draw_rows(records, folder.environments, target, everything=everything)
            if drawn:
                typer.echo(wrote(target, f"{len(drawn)} files"))
            else:
                where = folder.given / folder.name
                typer.echo(f"no figures of {where}: nothing is timed, or too little to draw")


def _target(folder: Folder, out: Path | None) -> Path:
    if out is not None:
        return out / folder.name
    if is_bundle(folder.given):
        return beside(folder.given, PLOTS) / folder.name
    return folder.path / PLOTS


def draw_rows(
    records: pd.DataFrame,
    environments: Mapping[str, Any],
    target: Path,
    *,
    everything: bool = False,
) -> list[Path]:
    """The files drawn; of many rows, unless `everything` is asked for, some, and it is said.

    `environments`: what the hashes in the rows stand for. Where nothing was timed there is nothing
    to draw, which is no mistake.
    """
    import typer

    from spmvbench.curves import as_one_place
    from spmvbench.plots import draw

    if not records["median_us"].notna().any():
        return []
    alike = as_one_place(records, environments)
    return draw(alike, target, everything=everything, left_out=typer.echo)
