"""MACKO for whoever only wants the product: `spmvbench.macko(matrix) @ x`."""

from spmvbench.api.matrix import MackoMatrix, macko

__all__ = ["MackoMatrix", "macko"]
