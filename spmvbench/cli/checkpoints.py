"""Commands for checkpoints of language models: prune, convert, advise."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from spmvbench.cli.app import Device, Out, app, each, stoppable
from spmvbench.ending import then, wrote
from spmvbench.errors import UserError

Stored = Annotated[
    Path,
    typer.Argument(
        metavar="CHECKPOINT", help="a folder with .safetensors, an index, or a single file"
    ),
]
NewFolder = Annotated[Path, typer.Option(metavar="DIR", help="a new folder for the result")]
Include = Annotated[
    list[str] | None,
    typer.Option(
        metavar="GLOB,...",
        help="only these tensors; may be repeated  [default: all linear layers]",
    ),
]
Exclude = Annotated[
    list[str] | None, typer.Option(metavar="GLOB,...", help="leave these alone; may be repeated")
]
Norms = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="activation norms, .safetensors or .npz, for wanda and nm"),
]


@app.command()
def prune(
    checkpoint: Stored,
    out: NewFolder,
    density: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="share of weights to keep, as 0.5; nm keeps N / M"),
    ] = None,
    method: Annotated[
        str, typer.Option(metavar="magnitude|wanda|nm", help="how to choose what is kept")
    ] = "magnitude",
    per: Annotated[
        str, typer.Option(metavar="row|tensor", help="choose within each row, or the tensor")
    ] = "row",
    pattern: Annotated[str, typer.Option(metavar="N:M", help="for nm: keep N of every M")] = "2:4",
    norms: Norms = None,
    include: Include = None,
    exclude: Exclude = None,
) -> None:
    """Set the small weights of a model's linear layers to zero.

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
            open_checkpoint(checkpoint), pruning, out, each(include), each(exclude)
        )
        show(pruned_table(pruned, pruning), Console())
        typer.echo(f"\n{wrote(out)}\n{then('advise', out)}")


@app.command()
def convert(
    checkpoint: Stored,
    out: NewFolder,
    format_: Annotated[
        str,
        typer.Option(
            "--format", metavar="FORMAT", help="macko, bitmap, csr16 or auto; dense: unpack again"
        ),
    ] = "auto",
    include: Include = None,
    exclude: Exclude = None,
) -> None:
    """Pack the linear layers of a pruned model, or unpack them.

    Lossless. Each matrix is unpacked and compared before it counts as written.
    """
    from rich.console import Console

    from spmvbench.checkpoint.convert import convert_checkpoint
    from spmvbench.checkpoint.report import converted_table
    from spmvbench.checkpoint.stored import open_checkpoint
    from spmvbench.summary.layout import show

    with stoppable():
        opened = open_checkpoint(checkpoint)
        done = convert_checkpoint(opened, format_, out, each(include), each(exclude))
        show(converted_table(done, f"{checkpoint} in {format_}"), Console())
        typer.echo(f"\n{wrote(out)}")


MaybeStored = Annotated[
    Path | None, typer.Argument(metavar="CHECKPOINT", help="what prune takes; or use --shapes")
]
Shapes = Annotated[
    str | None,
    typer.Option(metavar="MODEL", help="a known model, as llama3-8b, without its weights"),
]
Densities = Annotated[
    list[str] | None,
    typer.Option(metavar="SHARE,...", help="pruned to these densities too; may be repeated"),
]
Quality = Annotated[
    Path | None,
    typer.Option(
        metavar="CSV", help="a table of density,perplexity; those densities are measured too"
    ),
]
MaxQuality = Annotated[
    float | None,
    typer.Option(metavar="PERPLEXITY", help="the largest to accept; finds the fastest density"),
]


class AdviceForm(StrEnum):
    """How advice is printed: `checkpoint.saying.Printed`."""

    text = "text"
    md = "md"
    json = "json"


Form = Annotated[
    AdviceForm,
    typer.Option(
        "--format", metavar="FORM", help="text, md (for a model card) or json (for scripts)"
    ),
]


@app.command()
def advise(
    checkpoint: MaybeStored = None,
    shapes: Shapes = None,
    density: Densities = None,
    batch: Annotated[int, typer.Option(metavar="N", min=1, help="tokens at once")] = 1,
    quality: Quality = None,
    max_quality: MaxQuality = None,
    device: Device = "auto",
    out: Out = Path("results"),
    format_: Form = AdviceForm.text,
    include: Include = None,
    exclude: Exclude = None,
) -> None:
    """Tell whether a model's zeros pay, in ms per token and GB.

    Sparse weights are measured against dense ones of 16 bits, int8 and int4.

    Exit code 0: sparse weights are faster than 16-bit dense at a density measured; 1: at none.
    """
    from spmvbench.checkpoint.advise import advise as answered
    from spmvbench.checkpoint.asking import Wanted, asked
    from spmvbench.checkpoint.saying import Printed, say

    densities = tuple(map(_number, each(density)))
    globs = each(include), each(exclude)
    wanted = Wanted(checkpoint, shapes, densities, batch, quality, max_quality, *globs)
    with stoppable():
        question, bound = asked(wanted)
        advice = answered(question, device, out)
        say(advice, bound, Printed(format_.value))
    raise typer.Exit(0 if advice.answer.pays else 1)


def _number(text: str) -> float:
    """Of `--density`. Raises: UserError."""
    try:
        return float(text)
    except ValueError:
        raise UserError(f"--density {text}: expected shares, as 0.5 or 0.2,0.5") from None
