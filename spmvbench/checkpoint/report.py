"""What became of a checkpoint, as a table: a row for each kind of matrix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from spmvbench.advice.words import size
from spmvbench.checkpoint.prune import Pruned, Pruning
from spmvbench.checkpoint.sizes import Converted
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


def converted_table(tensors: Sequence[Converted], title: str) -> Table:
    """Bytes packed, as a share of dense ones and as theory has them, by shape and format.

    All tensors of a checkpoint have one type as a rule: it stands in the title.
    """
    kinds: dict[tuple[int, int, str], list[Converted]] = {}
    for tensor in tensors:
        kinds.setdefault((tensor.rows, tensor.cols, tensor.format), []).append(tensor)
    rows = [
        [f"{r} x {c}", name, str(len(own)), *_sizes(own)] for (r, c, name), own in kinds.items()
    ]
    rows.append(["all", "", str(len(tensors)), *_sizes(tensors)])
    header = [SHAPE, "format", "tensors", "zeros", "bytes", "of dense", "theory"]
    notes = [f"as dense matrices: {size(sum(t.dense_bytes for t in tensors))}"]
    unsigned = sum(t.unsigned for t in tensors)
    notes += [f"{unsigned:,} values were -0.0 and are 0.0 now"] if unsigned else []
    dtypes = ", ".join(dict.fromkeys(t.dtype for t in tensors))
    return Table(f"{title} ({dtypes})", header, rows, notes)


def _sizes(tensors: Sequence[Converted]) -> list[str]:
    elements = sum(t.rows * t.cols for t in tensors)
    dense = sum(t.dense_bytes for t in tensors)
    packed = sum(t.packed_bytes for t in tensors)
    expected = sum(t.expected_bytes for t in tensors)
    return [
        _percent((t.rows * t.cols - t.nnz for t in tensors), elements),
        size(packed),
        *(f"{100 * count / max(dense, 1):.2f} %" for count in (packed, expected)),
    ]


def _zeros(tensors: Sequence[Pruned]) -> list[str]:
    elements = sum(t.rows * t.cols for t in tensors)
    return [_percent((t.before for t in tensors), elements)] + [
        _percent((t.after for t in tensors), elements)
    ]


def _percent(zeros: Iterable[int], elements: int) -> str:
    return f"{100 * sum(zeros) / max(elements, 1):.2f} %"
