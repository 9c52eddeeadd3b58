"""A checkpoint with its sparse matrices packed, or unpacked again: lossless, and checked to be."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from spmvbench.checkpoint.layout import Packer, with_packed, without_packed
from spmvbench.checkpoint.meter import Meter
from spmvbench.checkpoint.output import Output
from spmvbench.checkpoint.prune import task_of
from spmvbench.checkpoint.shard import ShardWriter
from spmvbench.checkpoint.sizes import Converted, require_zeros
from spmvbench.checkpoint.stored import CONFIG, Checkpoint, config, linear
from spmvbench.dtypes import itemsize
from spmvbench.errors import CheckpointError
from spmvbench.problems.packed_files import VERSION
from spmvbench.problems.tensor import Entry, Stored

FORMATS = ("macko", "bitmap", "csr16", "auto", "dense")

QUANTISED = "quantization_config"
_OURS = {"quant_method": "spmvbench", "layout_version": VERSION}
"""In config.json, so that a library that cannot read the arrays says so and ignores none."""


def convert_checkpoint(
    checkpoint: Checkpoint,
    format: str,
    out: Path,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> list[Converted]:
    """Write the checkpoint with its linear layers in that format; `dense` unpacks what is packed.

    Raises: UserError, one line; nothing is left at `out` then.
    """
    if format not in FORMATS:
        raise CheckpointError(f"format '{format}': expected one of {', '.join(FORMATS)}")
    chosen = _chosen(checkpoint, format, include, exclude)
    if format != "dense":
        require_zeros(checkpoint, chosen, format)
    packer = Packer(format, {entry.name for entry in chosen})
    settings = {"format": format, "chosen": sorted(packer.chosen), "version": VERSION}
    task = task_of(checkpoint, "convert", settings)
    needed = _unpacked_bytes(checkpoint) if format == "dense" else 0
    with Output(out, task, needed) as output, Meter(checkpoint.nbytes) as meter:
        for file in checkpoint.headers:
            _Shard(checkpoint, file, packer).write(output, meter)
        for file in checkpoint.others:
            if file.name != CONFIG:
                output.copy(file)
        _surroundings(checkpoint, format, output)
        output.finish()
        done = [facts for facts in output.done.values() if facts]
        return [Converted(**fact) for facts in done for fact in facts["tensors"]]


def _chosen(
    checkpoint: Checkpoint, format: str, include: Sequence[str], exclude: Sequence[str]
) -> list[Entry]:
    if format != "dense":
        return linear(checkpoint, include, exclude)
    if not checkpoint.packed:
        raise CheckpointError(f"{checkpoint.path}: nothing in it is packed; it is dense already")
    return checkpoint.packed


def _unpacked_bytes(checkpoint: Checkpoint) -> int:
    rest = sum(t.nbytes for file in checkpoint.headers for t in checkpoint.rest(file))
    return rest + sum(e.shape[0] * e.shape[1] * itemsize(e.dtype) for e in checkpoint.packed)


@dataclass(frozen=True)
class _Shard:
    """One file of weights and what becomes of it."""

    checkpoint: Checkpoint
    file: Path
    packer: Packer

    def write(self, output: Output, meter: Meter) -> None:
        tensors = self.checkpoint.headers[self.file].tensors
        nbytes = sum(t.nbytes for t in tensors)
        if self.file.name in output.done:
            meter.add(nbytes)
            meter.say(f"{self.file.name}: finished before")
            return
        facts: dict[str, Any] = {"tensors": [], "names": []}
        with output.file(self.file.name, facts) as stream, self.file.open("rb") as source:
            self._fill(stream, source, facts, meter)
        meter.say(f"{self.file.name}: {len(facts['tensors'])} tensors converted")

    def _fill(
        self, stream: BinaryIO, source: BinaryIO, facts: dict[str, Any], meter: Meter
    ) -> None:
        entries = self._entries()
        metadata = without_packed(self.checkpoint.headers[self.file].metadata)
        shard = ShardWriter(stream, *self.packer.room(entries, metadata))
        packed: dict[str, Any] = {}
        for entry in entries:
            meter.begin(entry.name)
            if entry.packing or entry.name in self.packer.chosen:
                fact, listed = self.packer.add(entry, shard)
                facts["tensors"].append(asdict(fact))
                packed |= listed
            else:
                shard.copy(entry.parts[""], source)
            meter.add(sum(part.nbytes for part in entry.parts.values()))
        shard.close(with_packed(metadata, packed))
        facts |= {"names": shard.names, "nbytes": shard.nbytes}

    def _entries(self) -> list[Entry]:
        """Its tensors in the order of their bytes; a packed one where its first array is.

        An array in another shard than the bitmask goes where the bitmask is.
        """
        owners = {part: entry for entry in self.checkpoint.entries for part in entry.parts.values()}
        found: dict[str, Entry] = {}
        for stored in sorted(self.checkpoint.headers[self.file].tensors, key=lambda t: t.begin):
            entry = owners.get(stored) or _unlisted(stored)
            if entry.file == self.file:
                found[entry.name] = entry
        return list(found.values())


def _unlisted(stored: Stored) -> Entry:
    """A tensor that the index does not name: it is copied."""
    return Entry(stored.file, stored.name, stored.shape, stored.kind, parts={"": stored})


def _surroundings(checkpoint: Checkpoint, format: str, output: Output) -> None:
    """The index of the new shards, and a config.json that says what they hold."""
    if checkpoint.home not in checkpoint.headers:
        done = {file: facts for file, facts in output.done.items() if facts}
        homes = {name: file for file, facts in done.items() for name in facts["names"]}
        total = sum(facts["nbytes"] for facts in done.values())
        index = {"metadata": {"total_size": total}, "weight_map": homes}
        _write_json(output, checkpoint.home.name, index)
    file = checkpoint.path / CONFIG
    if not file.is_file():
        return
    if words := config(checkpoint):
        _write_json(output, CONFIG, _marked(words, checkpoint, format))
    else:
        output.copy(file)


def _marked(
    words: Mapping[str, object], checkpoint: Checkpoint, format: str
) -> Mapping[str, object]:
    rest = {k: v for k, v in words.items() if k != QUANTISED or not checkpoint.packed}
    return rest if format == "dense" else {**rest, QUANTISED: _OURS}


def _write_json(output: Output, name: str, value: object) -> None:
    with output.file(name) as stream:
        stream.write(json.dumps(value, indent=2).encode() + b"\n")
