"""The value types of weights and vectors, by the names used in YAML and CSV."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

DTYPES: dict[str, np.dtype[Any]] = {
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "float32": np.dtype(np.float32),
    "float64": np.dtype(np.float64),
}

# Unit roundoff u = 2^-p, p the bits of the significand with the hidden one.
ROUNDOFF = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24, "float64": 2.0**-53}

# Half of the smallest subnormal: the largest error of rounding a result that underflows.
HALF_SUBNORMAL = {
    "float16": 2.0**-25,
    "bfloat16": 2.0**-134,
    "float32": 2.0**-150,
    "float64": 2.0**-1075,
}


def is_on_host(array: Array) -> bool:
    """Whether it is NumPy's; else it is on a device, CuPy's."""
    return isinstance(array, np.ndarray)


def to_host(array: Array) -> Array:
    """The array itself, or a host copy of one on a device, when all work before is done."""
    return array if is_on_host(array) else array.get()  # type: ignore[attr-defined]


def dtype_name(dtype: np.dtype[Any]) -> str:
    """The name used in YAML and CSV: `float16`, `bfloat16`, `float32`."""
    return str(np.dtype(dtype))


def itemsize(name: str) -> int:
    """Bytes of one value."""
    return DTYPES[name].itemsize
