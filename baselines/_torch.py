"""What the adapters to PyTorch share. Importing this imports no PyTorch."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

from spmvbench.cuda.libraries import INSTALL
from spmvbench.dtypes import Array
from spmvbench.formats.base import MatVec, Target


def missing(device: str) -> str | None:
    """Why PyTorch cannot multiply there, and the cure; None when it can. Imports nothing."""
    if importlib.util.find_spec("torch") is None:
        return "torch is not installed; pip install 'spmvbench[torch]'"
    if device == "cuda" and _version().endswith("+cpu"):
        return f"torch {_version()} is built for CPUs only; pip install torch from PyPI"
    if device == "cuda" and importlib.util.find_spec("cupy") is None:
        return f"CuPy is not installed; {INSTALL}"
    return None


def _version() -> str:
    try:
        return importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return ""


def configure(device: Target) -> None:
    """Set PyTorch's threads, or that sums of 16-bit products stay in float32: process-wide.

    Raises: RuntimeError where PyTorch finds no GPU.
    """
    import torch

    if device.kind == "cpu":
        torch.set_num_threads(device.threads)
        return
    if not torch.cuda.is_available():
        raise RuntimeError(f"torch {torch.__version__} finds no GPU that it can use")
    products = torch.backends.cuda.matmul
    products.allow_fp16_reduced_precision_reduction = False
    products.allow_bf16_reduced_precision_reduction = False
    products.allow_tf32 = False


def sharing(dtype: str, device: Target) -> Callable[[Array], Any]:
    """Gives a tensor of `dtype` in the memory of an array: of NumPy, or of CuPy by DLPack.

    NumPy's bfloat16 is unknown to PyTorch: it crosses as int16.
    """
    import torch

    cross: Callable[[Array], Any] = torch.from_numpy if device.kind == "cpu" else torch.from_dlpack
    if dtype != "bfloat16":
        return cross

    def bfloat16(array: Array) -> Any:
        return cross(array.view(np.int16)).view(torch.bfloat16)

    return bfloat16


def on_current_stream(matvec: MatVec, device: Target) -> MatVec:
    """The product on CuPy's current stream; on a CPU as it is."""
    if device.kind == "cpu":
        return matvec
    import cupy
    import torch

    def on_stream(x: Array, y: Array) -> None:
        # Tensors made in here find PyTorch on the stream their arrays are on: nothing waits.
        stream = torch.cuda.ExternalStream(cupy.cuda.get_current_stream().ptr)
        with torch.cuda.stream(stream):
            matvec(x, y)

    return on_stream
