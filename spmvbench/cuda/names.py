"""What the types of arrays are called in the kernels, which are templates over them."""

from __future__ import annotations

from typing import Any

import numpy as np

VALUES = {"float16": "__half", "bfloat16": "__nv_bfloat16", "float32": "float"}
"""Weights and vectors that are computed with."""

POINTERS = {"int32": "int", "int64": "long long"}
"""Row pointers."""


def bits(dtype: np.dtype[Any]) -> str:
    """Weights that are moved as they are: `u16` or `u32`."""
    return f"u{8 * dtype.itemsize}"
