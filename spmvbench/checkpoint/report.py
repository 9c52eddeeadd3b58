"""What became of a checkpoint, as a table: a row for each kind of matrix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from spmvbench.checkpoint.prune import Pruned, Pruning
from spmvbench.summary.layout import SHAPE, Table


def pruned_table(tensors: Sequence[Pruned], pruning: Pruning) -> Table:
    """Zeros before and after, by shape and type."""
    kinds: dict[tuple[int, int, str], list[Pruned]] = {}
    for tensor in tensors:
        kinds.setdefault((tensor.rows, tensor.cols, tensor.dtype), []).append(tensor)
    rows = [
        [f"{r} x {c}", dtype, str(len(own)), *_zeros(own)] for (r, c, dtype), own in kinds.items()
    ]
    rows.append(["all", "", str(len(tensors)), *_zeros(tensors)])
    return Table(pruning.words, [SHAPE, "dtype", "tensors", "zeros before", "zeros after"], rows)


def _zeros(tensors: Sequence[Pruned]) -> list[str]:
    elements = sum(t.rows * t.cols for t in tensors)
    return [_percent((t.before for t in tensors), elements)] + [
        _percent((t.after for t in tensors), elements)
    ]


def _percent(zeros: Iterable[int], elements: int) -> str:
    return f"{100 * sum(zeros) / max(elements, 1):.2f} %"
