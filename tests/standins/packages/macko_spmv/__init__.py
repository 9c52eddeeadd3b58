"""A stand-in for the package of MACKO's authors: the same operator, on host memory.

It is registered for every device, as the GPU is a stand-in too. It refuses what the original would
read past the end of.
"""

from __future__ import annotations

import numpy as np
import torch

library = torch.library.Library("macko_spmv", "DEF")
library.define(
    "multiply(Tensor M_values, Tensor M_deltas, Tensor M_row_indices, int M_rows, int M_cols,"
    " Tensor V) -> Tensor"
)


def multiply(values, deltas, row_indices, rows, cols, vector):
    assert values.dtype == vector.dtype == torch.float16
    assert deltas.dtype == torch.uint8
    assert row_indices.dtype == torch.int32
    blocks = -(-rows // 32)
    assert row_indices.numel() > 32 * blocks, "reads past the end of row_indices"
    assert values.numel() % 8 == 0
    assert deltas.numel() * 2 == values.numel()
    codes = np.stack([deltas.numpy() & 15, deltas.numpy() >> 4], axis=1).reshape(-1)
    wide, x = values.numpy().astype(np.float32), vector.numpy().astype(np.float32)
    y = np.zeros(rows, np.float32)
    for row in range(rows):
        begin, end = int(row_indices[row]), int(row_indices[row + 1])
        columns = np.cumsum(codes[begin:end].astype(np.int64) + 1) - 1
        assert columns.size == 0 or columns[-1] < cols
        y[row] = wide[begin:end] @ x[columns]
    return torch.from_numpy(y.astype(np.float16))


library.impl("multiply", multiply, "CompositeExplicitAutograd")
