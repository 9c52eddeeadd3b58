"""A packed matrix as what iterative solvers take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from spmvbench.api.places import CPU, Place

if TYPE_CHECKING:
    from spmvbench.api.matrix import MackoMatrix
    from spmvbench.dtypes import Array


def linear_operator(matrix: MackoMatrix, place: Place) -> Any:
    """The `LinearOperator` of scipy.sparse.linalg, or of cupyx.scipy.sparse.linalg on a GPU.

    On the CPU x is rounded to float32, and y is float32, whatever the solver works in. On a GPU
    x and y have the type of the matrix. `rmatvec` raises NotImplementedError.
    """
    if place == CPU:
        from scipy.sparse.linalg import LinearOperator

        def product(x: Array) -> Any:
            return matrix.matvec(np.asarray(x, np.float32))

        dtype = np.dtype(np.float32)
    else:
        from cupyx.scipy.sparse.linalg import LinearOperator

        product, dtype = matrix.matvec, matrix.dtype
    return LinearOperator(
        matrix.shape, matvec=product, matmat=product, rmatvec=_no_transpose, dtype=dtype
    )


def _no_transpose(_: Any) -> NoReturn:
    raise NotImplementedError(
        "a matrix packed as MACKO has no product with its transpose; pack the transpose too: "
        "spmvbench.macko(dense.T)"
    )
