"""Which sparse format multiplies your pruned weights fastest? Importing this is cheap."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

    import pandas as pd

__all__ = ["__version__", "load"]

__version__ = "0.1.0"


def load(path: str | PathLike[str]) -> pd.DataFrame:
    """The rows of a results folder, a CSV file, or a bundle: of each case the newest.

    Text is `string`, whole numbers `Int64`, others `float64`; results/README.md lists the columns.
    Raises: spmvbench.errors.ResultsError where there is nothing to read.
    """
    # By its name: this is the front door, and what is behind it imports it.
    found: pd.DataFrame = importlib.import_module("spmvbench.share.frame").load(path)
    return found
