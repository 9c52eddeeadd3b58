"""Which sparse format multiplies your pruned weights fastest? Importing this is cheap.

`spmvbench.macko(matrix) @ x` is the product alone, for programs: docs/api.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spmvbench.api import MackoMatrix as MackoMatrix
    from spmvbench.api import macko as macko

__version__ = "0.1.0"
__all__ = ["MackoMatrix", "__version__", "macko"]


def __getattr__(name: str) -> Any:
    """What is imported when it is first used: it brings NumPy and Numba along."""
    if name not in __all__:
        raise AttributeError(f"module 'spmvbench' has no attribute '{name}'")
    from spmvbench import api

    return getattr(api, name)
