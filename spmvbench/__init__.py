"""Which sparse format multiplies your pruned weights fastest? Importing this is cheap.

`spmvbench.macko(matrix) @ x` is the product alone, for programs: docs/api.md.
`spmvbench.load(path)` gives the rows of results as a table of pandas.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from os import PathLike

    import pandas as pd

    from spmvbench.api import MackoMatrix as MackoMatrix
    from spmvbench.api import macko as macko

__version__ = "0.1.0"
__all__ = ["MackoMatrix", "__version__", "load", "macko"]


def load(path: str | PathLike[str]) -> pd.DataFrame:
    """The rows of a results folder, a CSV file, or a bundle: of each case the newest.

    Text is `string`, whole numbers `Int64`, others `float64`; results/README.md lists the columns.
    Raises: spmvbench.errors.ResultsError where there is nothing to read.
    """
    # By its name: this is the front door, and what is behind it imports it.
    found: pd.DataFrame = importlib.import_module("spmvbench.share.frame").load(path)
    return found


def __getattr__(name: str) -> Any:
    """What is imported when it is first used: it brings NumPy and Numba along."""
    if name not in __all__:
        raise AttributeError(f"module 'spmvbench' has no attribute '{name}'")
    return getattr(importlib.import_module("spmvbench.api"), name)
