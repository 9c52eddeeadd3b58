"""A checkpoint as it is stored: its shards, its tensors, the files beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from spmvbench.errors import CheckpointError, SourceError
from spmvbench.problems import safetensors_files
from spmvbench.problems.safetensors_header import Header
from spmvbench.problems.tensor import Entry, Stored

CONFIG = "config.json"

LEFT_ALONE = (
    "*embed*",
    "*wte.weight",
    "*wpe.weight",
    "shared.weight",
    "*lm_head*",
    "output.weight",
    "*norm*",
    "*pooler*",
    "*classifier*",
    "score.weight",
)
"""Matrices that are no linear layer of a block: embeddings, heads, norms. Pruning keeps them."""

_NOT_COPIED = (
    *(".safetensors", ".index.json", ".bin", ".pt", ".pth", ".gguf", ".h5", ".msgpack", ".onnx"),
    ".npz",
    ".sha256",
)
"""Endings of weights, which are not those written, and of sums that would no longer be right."""


@dataclass(frozen=True)
class Checkpoint:
    """`path`: as it was named; `home`: its index, or its one file of weights."""

    path: Path
    home: Path
    headers: dict[Path, Header]
    entries: list[Entry]

    @property
    def packed(self) -> list[Entry]:
        """The tensors that are packed."""
        return [entry for entry in self.entries if entry.packing]

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors as they are stored."""
        return sum(t.nbytes for header in self.headers.values() for t in header.tensors)

    @property
    def others(self) -> list[Path]:
        """Config, tokenizer and what else lies beside the weights; of a file named itself none."""
        if not self.path.is_dir():
            return []
        return [
            file
            for file in sorted(self.path.iterdir())
            if file.is_file()
            and not file.name.startswith(".")
            and not file.name.endswith(_NOT_COPIED)
        ]

    def rest(self, file: Path) -> list[Stored]:
        """The tensors of a shard that are no part of a packed one."""
        taken = {part.name for entry in self.packed for part in entry.parts.values()}
        return [t for t in self.headers[file].tensors if t.name not in taken]


def open_checkpoint(path: Path) -> Checkpoint:
    """Read the headers, no data.

    Raises: SourceError for what is missing, malformed or does not fit together.
    """
    if not path.exists():
        raise SourceError(f"{path}: there is no such file or folder; check the path")
    try:
        home = safetensors_files.home_of(path)
        headers = safetensors_files.headers(home)
        return Checkpoint(path, home, headers, safetensors_files.listed(home, headers))
    except OSError as error:
        raise SourceError(
            f"{path}: {error.strerror or error}; expected readable .safetensors"
        ) from error


def linear(
    checkpoint: Checkpoint, include: Sequence[str] = (), exclude: Sequence[str] = ()
) -> list[Entry]:
    """The weights of linear layers: matrices of floats that no pattern leaves out.

    `include`: patterns of names; without them all but `LEFT_ALONE`. `exclude` wins over both.
    Raises: CheckpointError when a pattern matches no matrix, or nothing is left.
    """
    matrices = [entry for entry in checkpoint.entries if not entry.unusable]
    for pattern in (*include, *exclude):
        if not any(fnmatchcase(entry.name, pattern) for entry in matrices):
            raise CheckpointError(
                f"{checkpoint.path}: '{pattern}' matches none of its {len(matrices)} matrices"
                f"{_such_as(matrices)}"
            )
    found = [entry for entry in matrices if _wanted(entry.name, include, exclude)]
    if not found:
        raise CheckpointError(_none(checkpoint, matrices))
    return found


def config(checkpoint: Checkpoint) -> dict[str, object]:
    """What config.json says; empty where there is none that can be read."""
    file = checkpoint.path / CONFIG
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _wanted(name: str, include: Sequence[str], exclude: Sequence[str]) -> bool:
    if any(fnmatchcase(name, pattern) for pattern in exclude):
        return False
    if include:
        return any(fnmatchcase(name, pattern) for pattern in include)
    return not any(fnmatchcase(name, pattern) for pattern in LEFT_ALONE)


def _none(checkpoint: Checkpoint, matrices: Sequence[Entry]) -> str:
    quantised = config(checkpoint).get("quantization_config")
    if isinstance(quantised, dict) and not matrices:
        method = str(quantised.get("quant_method", "an unnamed method"))
        return (
            f"{checkpoint.path}: its weights are quantised ({method}), expected float16, bfloat16 "
            "or float32; take the checkpoint from before quantisation"
        )
    return (
        f"{checkpoint.path}: none of its {len(checkpoint.entries)} tensors is the weight of a "
        f"linear layer in float16, bfloat16 or float32{_such_as(matrices)}; "
        "name some with --include"
    )


def _such_as(matrices: Sequence[Entry]) -> str:
    names = [entry.name for entry in matrices[:3]]
    return f", such as {', '.join(names)}" if names else ""
