"""Problems: (A, x) from a few words, generated bit for bit or read from a file."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from spmvbench.problems.base import Problem

# Not looked up late like the others: importing the module of that name would bind it to the module.
from spmvbench.problems.build import build, count_nonzero

if TYPE_CHECKING:
    from spmvbench.problems.patterns import GRID, check_pattern
    from spmvbench.problems.prune import check_prune
    from spmvbench.problems.sources import load, tensors
    from spmvbench.problems.tensor import Tensor
    from spmvbench.problems.vectors import STEP, vector

__all__ = [
    "GRID",
    "STEP",
    "Problem",
    "Tensor",
    "build",
    "check_pattern",
    "check_prune",
    "count_nonzero",
    "load",
    "tensors",
    "vector",
]

_HOMES = {
    "GRID": "patterns",
    "STEP": "vectors",
    "Tensor": "tensor",
    "check_pattern": "patterns",
    "check_prune": "prune",
    "load": "sources",
    "tensors": "sources",
    "vector": "vectors",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is: a Problem alone costs neither NumPy nor readers."""
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
