"""Tensors of PyTorch as arrays of NumPy or CuPy. PyTorch is not imported: its tensors exist."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from spmvbench.api.places import Place, import_cupy
from spmvbench.dtypes import DTYPES, Array
from spmvbench.errors import DtypeError, MatrixError


def is_tensor(value: Any) -> bool:
    """Whether it is one of PyTorch's."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def require_plain(tensor: Any, name: str) -> None:
    """Raise, with one line, for a tensor whose memory says little, or whose gradient is wanted."""
    torch = sys.modules["torch"]
    if tensor.requires_grad and torch.is_grad_enabled():
        raise MatrixError(
            f"{name} requires grad, and this product has no derivative: "
            f"with torch.no_grad(), or {name}.detach()"
        )
    if tensor.layout != torch.strided:
        raise DtypeError(f"{name} is a tensor of {tensor.layout}; expected {name}.to_dense()")
    if tensor.is_quantized or tensor.is_complex():
        raise DtypeError(f"{name} is a tensor of {tensor.dtype}; expected floats")


def place_of(tensor: Any, name: str) -> Place:
    """Where it lives. Raises: MatrixError for a place without kernels."""
    kind = tensor.device.type
    if kind not in ("cpu", "cuda"):
        raise MatrixError(f"{name} lives on {tensor.device}; expected the CPU or CUDA")
    return Place(kind, tensor.device.index or 0)


def array_of(tensor: Any, place: Place) -> Array:
    """The same memory."""
    tensor = tensor.detach()
    return on_host(tensor) if place.kind == "cpu" else _on_gpu(tensor)


def on_host(tensor: Any) -> Array:
    """The same memory as NumPy's array; its bfloat16 is unknown to PyTorch."""
    torch = sys.modules["torch"]
    if tensor.dtype == torch.bfloat16:
        bits: Array = tensor.view(torch.int16).numpy()
        return bits.view(DTYPES["bfloat16"])
    array: Array = tensor.numpy()
    return array


def to_tensor(array: Array) -> Any:
    """A NumPy array's memory as a tensor: the other way."""
    torch = sys.modules["torch"]
    if array.dtype == DTYPES["bfloat16"]:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def _on_gpu(tensor: Any) -> Array:
    """By its address: DLPack would make streams wait for one another, also while one captures."""
    cupy = import_cupy()
    name = str(tensor.dtype).removeprefix("torch.")
    dtype = DTYPES.get(name) or np.dtype(name)
    strides = tuple(step * dtype.itemsize for step in tensor.stride())
    last = sum((size - 1) * step for size, step in zip(tensor.shape, strides, strict=True))
    nbytes = last + dtype.itemsize if tensor.numel() else 0
    memory = cupy.cuda.UnownedMemory(tensor.data_ptr(), nbytes, tensor, tensor.device.index or 0)
    pointer = cupy.cuda.MemoryPointer(memory, 0)
    array: Array = cupy.ndarray(tuple(tensor.shape), dtype, pointer, strides)
    return array
