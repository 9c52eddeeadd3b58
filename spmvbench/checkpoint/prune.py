"""A checkpoint with small weights set to zero: tensor by tensor, into a folder of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spmvbench.checkpoint.meter import Meter
from spmvbench.checkpoint.norms import read_norms
from spmvbench.checkpoint.output import Output
from spmvbench.checkpoint.shard import ShardWriter
from spmvbench.checkpoint.stored import Checkpoint, linear
from spmvbench.dtypes import Array
from spmvbench.errors import CheckpointError
from spmvbench.problems import count_nonzero, safetensors_files
from spmvbench.problems.prune import check_prune, prune
from spmvbench.problems.select import n_of_m
from spmvbench.problems.tensor import Entry, Stored

METHODS = ("magnitude", "wanda", "nm")
PRUNED_KEY = "spmvbench.pruned"

_ROOM = 4096
"""Bytes for names and the like, beside the tensors."""


@dataclass(frozen=True)
class Pruning:
    """How to prune. `per`: `row` or `tensor`; `pattern`: N:M, of `nm` only.

    `norms`: file of activation norms: a magnitude is then |weight| times the norm of its column.
    """

    method: str
    density: float | None
    per: str = "row"
    pattern: str = "2:4"
    norms: Path | None = None

    @property
    def rule(self) -> tuple[str, float]:
        """Pattern and density of `problems.prune`. Raises: CheckpointError for what is no such."""
        if self.method not in METHODS or self.per not in ("row", "tensor"):
            raise CheckpointError(
                f"--method {self.method} --per {self.per}: expected one of {', '.join(METHODS)}, "
                "per row or tensor"
            )
        if self.method == "wanda" and self.norms is None:
            raise CheckpointError(
                "--method wanda: needs the norms of activations, expected --norms FILE; "
                "docs/checkpoints.md shows how to write one"
            )
        if self.method == "nm":
            group = n_of_m(self.pattern)
            if not group:
                raise CheckpointError(f"--pattern {self.pattern}: expected N:M, such as 2:4")
            share = group[0] / group[1]
            if self.density not in (None, share):
                raise CheckpointError(
                    f"--density {self.density:g}: --pattern {self.pattern} keeps {share:g}, "
                    "expected that or none"
                )
            return self.pattern, share
        if self.density is None:
            raise CheckpointError(f"--method {self.method}: expected --density, as 0.5")
        if not 0 < self.density <= 1:
            raise CheckpointError(
                f"--density {self.density:g}: expected a share above 0 and at most 1, as 0.5"
            )
        return ("magnitude-row" if self.per == "row" else "magnitude"), self.density

    @property
    def words(self) -> str:
        """What was done, for a reader: `magnitude, density 0.5 per row`."""
        pattern, density = self.rule
        how = self.method if self.method != "nm" else "Wanda" if self.norms else "magnitude"
        where = f"{pattern}" if self.method == "nm" else f"density {density:g} per {self.per}"
        return f"{how}, {where}"


@dataclass(frozen=True)
class Pruned:
    """What became of one tensor: zeros before and after, of rows x cols."""

    name: str
    rows: int
    cols: int
    dtype: str
    before: int
    after: int


def prune_checkpoint(
    checkpoint: Checkpoint,
    pruning: Pruning,
    out: Path,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> list[Pruned]:
    """Write the pruned checkpoint; what a stopped call has finished is not done again.

    Raises: UserError, one line; nothing is left at `out` then.
    """
    if checkpoint.packed:
        raise CheckpointError(
            f"{checkpoint.path}: is packed ({checkpoint.packed[0].packing}), expected plain "
            "weights; unpack it first with 'spmvbench convert --format dense'"
        )
    chosen = linear(checkpoint, include, exclude)
    pattern, density = pruning.rule
    for entry in chosen:
        if reason := check_prune(pattern, density, entry.shape[1]):
            raise CheckpointError(f"{checkpoint.path}: tensor '{entry.name}': {reason}")
    norms = read_norms(pruning.norms, chosen) if pruning.norms else {}
    work = _Work(pruning, {entry.name: entry for entry in chosen}, norms)
    task = task_of(checkpoint, "prune", {**asdict(pruning), "chosen": sorted(work.chosen)})
    with Output(out, task, _needed(checkpoint)) as output, Meter(checkpoint.nbytes) as meter:
        for file in checkpoint.headers:
            _shard(checkpoint, file, work, output, meter)
        for file in _beside(checkpoint):
            output.copy(file)
        output.finish()
        return [Pruned(**facts) for name in output.done for facts in output.done[name] or ()]


def task_of(checkpoint: Checkpoint, command: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What tells one job from another: what is asked for, and of which files."""
    stamps = [
        [str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns]
        for file in checkpoint.headers
    ]
    plain = {key: str(v) if isinstance(v, Path) else v for key, v in settings.items()}
    return {"command": command, **plain, "files": stamps}


@dataclass(frozen=True)
class _Work:
    pruning: Pruning
    chosen: Mapping[str, Entry]
    norms: Mapping[str, Array]

    def pruned(self, stored: Stored) -> tuple[Array, Pruned] | None:
        """The tensor without its small weights; None when it is left alone."""
        pattern, density = self.pruning.rule
        entry = self.chosen.get(stored.name)
        if entry is None or entry.parts[""] != stored:
            return None
        dense = np.asarray(safetensors_files.native(entry))
        sparse = prune(dense, density, pattern, self.norms.get(entry.name))
        rows, cols = entry.shape
        before, after = (rows * cols - count_nonzero(a) for a in (dense, sparse))
        return sparse, Pruned(entry.name, rows, cols, entry.dtype, before, after)


def _shard(checkpoint: Checkpoint, file: Path, work: _Work, output: Output, meter: Meter) -> None:
    header = checkpoint.headers[file]
    if file.name in output.done:
        meter.add(sum(t.nbytes for t in header.tensors))
        meter.say(f"{file.name}: finished before")
        return
    facts: list[dict[str, Any]] = []
    metadata = {**header.metadata, PRUNED_KEY: work.pruning.words}
    names = [(t.name, len(t.shape)) for t in header.tensors]
    with output.file(file.name, facts) as stream, file.open("rb") as source:
        shard = ShardWriter(stream, names, metadata)
        for stored in sorted(header.tensors, key=lambda t: t.begin):
            meter.begin(stored.name)
            if pruned := work.pruned(stored):
                shard.add(stored.name, pruned[0])
                facts.append(asdict(pruned[1]))
            else:
                shard.copy(stored, source)
            meter.add(stored.nbytes)
        shard.close(metadata)
    meter.say(f"{file.name}: {len(facts)} of {len(names)} tensors pruned")


def _beside(checkpoint: Checkpoint) -> list[Path]:
    index = [] if checkpoint.home in checkpoint.headers else [checkpoint.home]
    return [*checkpoint.others, *index]


def _needed(checkpoint: Checkpoint) -> int:
    files = [*checkpoint.headers, *_beside(checkpoint)]
    return sum(file.stat().st_size for file in files) + _ROOM
