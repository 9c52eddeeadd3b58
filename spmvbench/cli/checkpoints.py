"""Commands for checkpoints of language models: prune, convert, advise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spmvbench.cli.app import app, stoppable

Stored = Annotated[
    Path,
    typer.Argument(
        metavar="CHECKPOINT", help="a folder with .safetensors, an index, or a single file"
    ),
]
NewFolder = Annotated[Path, typer.Option(metavar="DIR", help="a new folder for the result")]
Include = Annotated[
    list[str] | None,
    typer.Option(metavar="GLOB", help="only these tensors; default: all linear layers"),
]
Exclude = Annotated[list[str] | None, typer.Option(metavar="GLOB", help="leave these alone")]


@app.command()
def prune(
    checkpoint: Stored,
    out: NewFolder,
    density: Annotated[
        float | None, typer.Option(help="share of weights to keep, as 0.5; of nm: N / M")
    ] = None,
    method: Annotated[str, typer.Option(help="magnitude, wanda or nm")] = "magnitude",
    per: Annotated[str, typer.Option(help="choose within each row, or within the tensor")] = "row",
    pattern: Annotated[str, typer.Option(metavar="N:M", help="of nm: keep N of every M")] = "2:4",
    norms: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="activation norms, .safetensors or .npz: wanda, nm"),
    ] = None,
    include: Include = None,
    exclude: Exclude = None,
) -> None:
    """Set the small weights of a checkpoint's linear layers to zero.

    Writes a complete checkpoint or none; stop it at any time, the same command goes on.
    """
    from rich.console import Console

    from spmvbench.checkpoint.prune import Pruning, prune_checkpoint
    from spmvbench.checkpoint.report import pruned_table
    from spmvbench.checkpoint.stored import open_checkpoint
    from spmvbench.summary.layout import show

    with stoppable():
        pruning = Pruning(method, density, per, pattern, norms)
        pruned = prune_checkpoint(
            open_checkpoint(checkpoint), pruning, out, include or (), exclude or ()
        )
        show(pruned_table(pruned, pruning), Console())
        typer.echo(f"\npruned   {out}")


@app.command()
def convert(
    checkpoint: Stored,
    out: NewFolder,
    format_: Annotated[
        str, typer.Option("--format", help="macko, bitmap, csr16, auto; dense: unpack again")
    ] = "auto",
    include: Include = None,
    exclude: Exclude = None,
) -> None:
    """Pack the linear layers of a pruned checkpoint, or unpack them again; lossless.

    Each matrix is unpacked and compared before it counts as written.
    """
    from rich.console import Console

    from spmvbench.checkpoint.convert import convert_checkpoint
    from spmvbench.checkpoint.report import converted_table
    from spmvbench.checkpoint.stored import open_checkpoint
    from spmvbench.summary.layout import show

    with stoppable():
        opened = open_checkpoint(checkpoint)
        done = convert_checkpoint(opened, format_, out, include or (), exclude or ())
        show(converted_table(done, f"{checkpoint} in {format_}"), Console())
        typer.echo(f"\nconverted {out}")
