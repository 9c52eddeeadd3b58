"""What was asked on the command line, as a question about a model."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from spmvbench.advice.answer import Bound, Quality
from spmvbench.checkpoint.kinds import (
    FEW_ZEROS,
    Question,
    of_checkpoint,
    of_shapes,
    scan,
    stored_zeros,
)
from spmvbench.checkpoint.meter import Meter
from spmvbench.checkpoint.stored import linear, open_checkpoint
from spmvbench.errors import CheckpointError


@dataclass(frozen=True)
class Wanted:
    """The arguments of `spmvbench advise`. Either a checkpoint, or the name of known shapes."""

    checkpoint: Path | None = None
    shapes: str | None = None
    densities: tuple[float, ...] = ()
    batch: int = 1
    quality: Path | None = None
    max_quality: float | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


def asked(wanted: Wanted) -> tuple[Question, Bound | None]:
    """The question, and the bound on quality if there is one.

    Raises: UserError, one line, for what does not fit together or cannot be read.
    """
    path, name = wanted.checkpoint, wanted.shapes
    if path is not None and name is not None:
        raise CheckpointError(f"{path}: expected a CHECKPOINT or --shapes {name}, not both")
    bound = _bound(wanted)
    more = bound.quality.values if bound else ()
    densities = tuple(sorted({*wanted.densities, *more}, reverse=True))
    if name is not None:
        return of_shapes(name, densities, wanted.batch), bound
    if path is not None:
        return _of_weights(path, wanted, densities), bound
    raise CheckpointError("expected a CHECKPOINT or --shapes MODEL, as llama3-8b")


def _of_weights(path: Path, wanted: Wanted, densities: tuple[float, ...]) -> Question:
    checkpoint = open_checkpoint(path)
    chosen = linear(checkpoint, wanted.include, wanted.exclude)
    total = sum(part.nbytes for entry in chosen for part in entry.parts.values())
    with Meter(total) as meter:
        facts = scan(chosen, meter)
        zeros = stored_zeros(facts)
        meter.note(f"{checkpoint.path}: {100 * zeros:.1f} % zeros in {len(facts)} linear layers")
        if zeros < FEW_ZEROS and not densities:
            meter.note("it is not pruned: what pruning would give is measured instead")
    return of_checkpoint(checkpoint, facts, densities, wanted.batch)


def _bound(wanted: Wanted) -> Bound | None:
    if (wanted.quality is None) != (wanted.max_quality is None):
        raise CheckpointError("expected --quality FILE and --max-quality together, or neither")
    if wanted.quality is None or wanted.max_quality is None:
        return None
    return Bound(read_quality(wanted.quality), wanted.max_quality)


def read_quality(file: Path) -> Quality:
    """Densities and a measure that grows when quality falls, from the first two columns of a CSV.

    Raises: CheckpointError, one line, for what is no such table.
    """
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            header, *rows = [row for row in csv.reader(stream) if row]
        values = {float(row[0]): float(row[1]) for row in rows}
        name = header[1].strip()
    except (OSError, ValueError, IndexError, csv.Error) as error:
        raise CheckpointError(
            f"{file}: {error}; expected CSV with a header, as 'density,perplexity', and numbers"
        ) from error
    if not values or not all(0 < density <= 1 for density in values):
        raise CheckpointError(f"{file}: expected rows whose density is above 0 and at most 1")
    return Quality(name, values)
