"""Bytes of packed weights: as they came out, as theory has them, and whether there are fewer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spmvbench import theory
from spmvbench.advice.words import size as size_text
from spmvbench.checkpoint.stored import Checkpoint
from spmvbench.dtypes import itemsize
from spmvbench.errors import CheckpointError
from spmvbench.problems import count_nonzero, safetensors_files
from spmvbench.problems.tensor import Entry

CURVES: dict[str, Callable[..., theory.Effective]] = {
    "macko": theory.macko,
    "bitmap": theory.bitmap,
    "csr16": theory.csr16,
    "auto": theory.bitmap,  # the last of its choices before dense
}

EXAMPLE = 0.5
"""Density at which a refusal says what pruning would give."""


@dataclass(frozen=True)
class Converted:
    """What became of one matrix. `format`: `dense` where it is stored as it is.

    `unsigned`: how many values were -0.0 and are 0.0 now.
    """

    name: str
    rows: int
    cols: int
    dtype: str
    format: str
    nnz: int
    dense_bytes: int
    packed_bytes: int
    unsigned: int

    @property
    def expected_bytes(self) -> float:
        """What theory says of that many non-zeros."""
        if self.format not in CURVES:
            return float(self.dense_bytes)
        density = self.nnz / max(self.rows * self.cols, 1)
        return _bytes(self.format, self.rows, self.cols, self.dtype, density)


def require_zeros(checkpoint: Checkpoint, chosen: Sequence[Entry], format: str) -> None:
    """Raise CheckpointError unless some matrix has enough zeros for the format to be smaller."""
    zeros, limits = [], []
    for entry in chosen:
        rows, cols = entry.shape
        nnz = count_nonzero(safetensors_files.native(entry))
        limits.append(_break_even(entry, format))
        if nnz < limits[-1] * rows * cols:
            return
        zeros.append(rows * cols - nnz)
    elements = sum(e.shape[0] * e.shape[1] for e in chosen)
    share = sum(zeros) / max(elements, 1)
    better = EXAMPLE if 0.9 * min(limits) > EXAMPLE else round(min(limits) / 2, 2)
    dense = sum(e.shape[0] * e.shape[1] * itemsize(e.dtype) for e in chosen)
    seen = "no zeros" if share == 0 else f"only {100 * share:.1f} % zeros"
    found, pruned = (size_text(_all_bytes(chosen, format, d)) for d in (1 - share, better))
    raise CheckpointError(
        f"{checkpoint.path}: its linear layers have {seen}: in {format} they would take {found} "
        f"instead of {size_text(dense)}; pruned to density {better:g} they would take {pruned} "
        f"(spmvbench prune --density {better:g})"
    )


def _break_even(entry: Entry, format: str) -> float:
    """The density below which the format takes fewer bytes than the dense matrix."""
    bits, cols = 8 * itemsize(entry.dtype), max(entry.shape[1], 1)
    return theory.break_even(CURVES[format], value_bits=bits, cols=cols)


def _all_bytes(entries: Sequence[Entry], format: str, density: float) -> float:
    return sum(_bytes(format, e.shape[0], e.shape[1], e.dtype, density) for e in entries)


def _bytes(format: str, rows: int, cols: int, dtype: str, density: float) -> float:
    if not rows * cols:
        return 0.0
    size = itemsize(dtype)
    effective = CURVES[format](density, value_bits=8 * size, cols=cols)
    return float(effective) * rows * cols * size
