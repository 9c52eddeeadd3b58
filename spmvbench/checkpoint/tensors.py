"""A converted checkpoint as PyTorch takes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from spmvbench.api.tensors import to_tensor
from spmvbench.checkpoint.loading import Weight, load

_WEIGHT = ".weight"


def state_dict(path: str | Path) -> dict[str, Any]:
    """The tensors by name, for `spmvbench.torch.load(model, state_dict)`.

    A matrix packed as MACKO has three: of `up_proj.weight` they are `up_proj.values`, `.deltas` and
    `.row_pointers`. Others are unpacked.
    Raises: SourceError for what is missing or malformed; ImportError without PyTorch.
    """
    import torch  # noqa: F401  the tensors are its own

    found = (pair for weight in load(path).values() for pair in _arrays(weight))
    return {name: to_tensor(np.array(array)) for name, array in found}  # not the mapped file


def _arrays(weight: Weight) -> Iterator[tuple[str, Any]]:
    if weight.format == "macko" and weight.name.endswith(_WEIGHT):
        layer = weight.name.removesuffix(_WEIGHT)
        for name, array in weight.packed.arrays.items():
            yield f"{layer}.{name}", array
    else:
        yield weight.name, weight.dense()
