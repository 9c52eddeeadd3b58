"""A plug-in as a format: its arrays are copied and uploaded, its product called as it is."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from spmvbench.cuda.libraries import address, vector_shapes
from spmvbench.dtypes import DTYPES, Array, dtype_name
from spmvbench.errors import FormatError
from spmvbench.fence import Fence, fenced
from spmvbench.formats.base import SPILLED, Format, MatVec, Packed, Precision, Target
from spmvbench.plugin import PREFIX, abi
from spmvbench.plugin.csr import csr
from spmvbench.problems.base import Problem

_PARAMS = "params"
"""The packed array that holds the plug-in's numbers: launch gets them by value."""


@cache
def plugin_class(path: Path) -> type[Format]:
    """The format that a shared library is. Raises: UnknownFormat."""
    plugin = abi.load(path)
    table = plugin.table
    own: dict[str, Any] = {
        "name": f"{PREFIX}{path}",
        "plugin": plugin,
        "devices": abi.named(table.devices, abi.DEVICES),
        "dtypes": abi.named(table.dtypes, abi.TYPES),
        "accumulate": abi.named(table.accumulate, abi.TYPES)[0],
        "lossless": bool(table.lossless),
        "dense": bool(table.dense),
        "unpacks": bool(table.unpack),
    }
    return type("LoadedPlugin", (PluginFormat,), own)


class PluginFormat(Format):
    """What all plug-ins share; `plugin` is the library."""

    plugin: ClassVar[abi.Plugin]

    def unavailable(self, device: str, problem: Problem | None = None) -> str | None:
        """See `Format.unavailable`. The plug-in is asked last."""
        if reason := super().unavailable(device, problem):
            return reason
        if problem is None:
            return None
        most = self.plugin.table.max_batch
        if problem.batch > most:
            return f"{self.plugin.name} takes up to {most} columns of x, not {problem.batch}"
        asked = _problem((problem.rows, problem.cols), problem.dtype, device, problem.batch)
        ask = self.plugin.table.unavailable
        return (abi.text(ask(asked)) if ask else "") or None

    def pack(self, dense: Array) -> Packed:
        """See `Format.pack`. Raises: MemoryError, FormatError with what the plug-in says."""
        table = self.plugin.table
        matrix, made = _matrix(np.ascontiguousarray(dense), table.input), abi.PackedArrays()
        self.plugin.expect(table.pack(matrix, made), "pack")
        try:
            arrays = _copied(self.plugin.name, made)
        finally:
            table.free(made)
        return Packed(dense.shape, dtype_name(dense.dtype), arrays)

    def unpack(self, packed: Packed) -> Array:
        """See `Format.unpack`. Only where `unpacks`."""
        dense = np.empty(packed.shape, DTYPES[packed.dtype])
        product = _product(packed, _on_host(packed.arrays), "cpu", batch=1, threads=1)
        self.plugin.expect(self.plugin.table.unpack(product, dense.ctypes.data), "unpack")
        return dense

    def precision(self, dtype: str, device: str) -> Precision:
        """See `Format.precision`."""
        return replace(super().precision(dtype, device), accumulate=self.accumulate)

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """See `Format.plan`."""
        arrays: dict[str, Any] = {name: device.put(array) for name, array in packed.arrays.items()}
        host = device.kind == "cpu"
        where = (_on_host if host else _on_device)(arrays)
        product = _product(packed, where, device.kind, device.batch, device.threads)
        room = self._workspace(product, device)
        product.kept = (arrays, room)
        vector = self.precision(packed.dtype, device.kind).x
        shapes = vector_shapes(packed.shape, device.batch)
        at, stream = (_address, _none) if host else (address, _stream())
        start = _start_of(room, host=host) if room else None
        matvec = _matvec(self.plugin, product, shapes, vector, start, at, stream)
        if room:
            setattr(matvec, SPILLED, partial(room.crossed, what="its workspace"))
        return matvec

    def _workspace(self, product: abi.Product, device: Target) -> Fence | None:
        """The memory that it asks for, if it does."""
        ask = self.plugin.table.workspace_bytes
        nbytes = int(ask(product)) if ask else 0
        return fenced(device, nbytes, "uint8") if nbytes else None


def _start_of(room: Fence, *, host: bool) -> int:
    inside: Any = room.inside
    return int(inside.ctypes.data if host else inside.data.ptr)


def _matvec(
    plugin: abi.Plugin,
    product: abi.Product,
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
    vector: str,
    room: int | None,
    where: Callable[[str, Any, tuple[int, ...], str], int],
    stream: Callable[[], int | None],
) -> MatVec:
    """The product by `product`, which keeps its memory alive. `where`: the address of x or y."""
    launch, expect, (x_shape, y_shape) = plugin.table.launch, plugin.expect, shapes

    def matvec(x: Array, y: Array) -> None:
        x_at, y_at = where("x", x, x_shape, vector), where("y", y, y_shape, vector)
        if status := launch(product, x_at, y_at, room, stream()):
            expect(status, "launch")

    return matvec


def _address(what: str, array: Any, shape: tuple[int, ...], dtype: str) -> int:
    """Where the bytes of a host array begin. Raises: ValueError where it is another array."""
    if array.shape != shape or array.dtype != DTYPES[dtype] or not array.flags.c_contiguous:
        raise ValueError(f"{what} is {array.dtype} {array.shape}, expected {dtype} {shape}")
    if array.size and array.flags.writeable:
        return ctypes.addressof(ctypes.c_char.from_buffer(array))
    return int(array.ctypes.data)  # always right, and 0.7 us dearer per call


def _none() -> None:
    """The stream of a CPU."""


def _stream() -> Callable[[], int]:
    """Gives CuPy's current stream."""
    import cupy

    current = cupy.cuda.get_current_stream
    return lambda: int(current().ptr)


def _problem(shape: tuple[int, int], dtype: str, device: str, batch: int, threads: int = 0) -> Any:
    return abi.Problem(*shape, abi.TYPES[dtype], abi.DEVICES[device], batch, threads)


def _matrix(dense: Array, wanted: int) -> abi.Matrix:
    """The matrix as the plug-in wants it; it keeps its memory alive."""
    matrix = abi.Matrix(*dense.shape, dtype=abi.TYPES[dtype_name(dense.dtype)])
    if wanted == abi.DENSE:
        matrix.dense, matrix.kept = dense.ctypes.data, dense
        return matrix
    values, columns, row_pointers = matrix.kept = csr(dense)
    matrix.entries = values.size
    matrix.values, matrix.columns = values.ctypes.data, columns.ctypes.data
    matrix.row_pointers = row_pointers.ctypes.data
    return matrix


def _copied(name: str, made: abi.PackedArrays) -> dict[str, Array]:
    """The arrays that a plug-in has made, as ours. Raises: FormatError for what are none."""
    counts = {"array_count": made.array_count, "param_count": made.param_count}
    for what, count in counts.items():
        if not 0 <= count <= abi.MOST_ARRAYS:
            raise FormatError(f"{name}: {what} is {count}, expected 0 to {abi.MOST_ARRAYS}")
    arrays: dict[str, Array] = {}
    for index, one in enumerate(made.arrays[: made.array_count]):
        if one.bytes and not one.data:
            raise FormatError(f"{name}: array {index} has {one.bytes} bytes at NULL")
        key = abi.text(one.name) or f"array {index}"
        if key in arrays or key == _PARAMS:
            raise FormatError(f"{name}: array {index} is named '{key}', which is taken")
        arrays[key] = np.frombuffer(ctypes.string_at(one.data, one.bytes), np.uint8)
    if made.param_count:
        arrays[_PARAMS] = np.array(made.params[: made.param_count], np.int64)
    return arrays


def _on_host(arrays: Mapping[str, Any]) -> list[int]:
    return [array.ctypes.data for name, array in arrays.items() if name != _PARAMS]


def _on_device(arrays: Mapping[str, Any]) -> list[int]:
    return [array.data.ptr for name, array in arrays.items() if name != _PARAMS]


def _product(packed: Packed, where: list[int], kind: str, batch: int, threads: int) -> abi.Product:
    """`where`: the addresses of the arrays."""
    problem = _problem(packed.shape, packed.dtype, kind, batch, threads)
    product = abi.Product(problem=problem)
    product.arrays[: len(where)] = where
    params = packed.arrays.get(_PARAMS, ())
    product.params[: len(params)] = [int(number) for number in params]
    return product
