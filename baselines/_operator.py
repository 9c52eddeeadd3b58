"""Any operator of PyTorch as a format: what registers it is named with it."""

from __future__ import annotations

import importlib
import platform
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar

import numpy as np

from spmvbench import outside
from spmvbench.dtypes import Array
from spmvbench.errors import UnknownFormat
from spmvbench.formats.base import Format, MatVec, Packed, Precision, Target
from spmvbench.guard import one_line
from spmvbench.problems.base import Problem
from spmvbench.torch_op import HOW, OperatorName, parse

from . import _torch
from ._operator_layouts import LAYOUTS
from ._operator_schema import SIZES, Argument, Unfit, arguments

KEYS = {"cpu": "CPU", "cuda": "CUDA"}
"""What PyTorch calls a kind of device when it looks for a kernel."""


@cache
def operator_class(name: str) -> type[Format]:
    """The format of that name; nothing is imported. Raises: UnknownFormat."""
    operator = parse(name)
    layout = LAYOUTS[operator.layout]
    own: dict[str, Any] = {
        "name": name,
        "operator": operator,
        "dtypes": operator.dtypes or Format.dtypes,
        "packs_on": layout.packs_on,
        "dense": layout.dense,
    }
    return type("NamedTorchOp", (TorchOp,), own)


class TorchOp(Format):
    """What all operators share; `operator` says which. x and y have the type of the weights."""

    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    operator: ClassVar[OperatorName]

    def missing(self, device: str) -> str | None:
        """Why there is no PyTorch for that device, and the cure; imports nothing."""
        return _torch.missing(device)

    def unavailable(self, device: str, problem: Problem | None = None) -> str | None:
        """See `Format.unavailable`. With a problem the operator is loaded.

        Raises: UnknownFormat where it is not there or does not fit its layout.
        """
        if reason := super().unavailable(device, problem):
            return reason
        if problem and problem.batch > 1:
            return f"{self.name} takes one vector, not {problem.batch}"
        if reason := self.missing(device):
            return f"{self.name}: {reason}"
        if problem and not _has_kernel(_loaded(self.operator)[0], device):
            return f"{self.name}: {self.operator.label} has no kernel for {device}"
        return None

    def precision(self, dtype: str, device: str) -> Precision:
        """See `Format.precision`. As PyTorch's own products; sums are judged as float32's."""
        return Precision(dtype, dtype, self.accumulate, dtype)

    def pack(self, dense: Array) -> Packed:
        """See `Format.pack`. Raises: ValueError for pointers of 64 bits: operators get 32."""
        packed = LAYOUTS[self.operator.layout].pack(dense)
        pointers = packed.arrays.get("row_pointers")
        if pointers is not None and pointers.dtype != np.int32:
            raise ValueError(f"{self.name}: more entries than 32-bit row pointers can count")
        return packed

    def unpack(self, packed: Packed) -> Array:
        """See `Format.unpack`."""
        return LAYOUTS[self.operator.layout].unpack(packed)

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """See `Format.plan`. Sets PyTorch's threads or precision in the whole process."""
        operator, takes = _loaded(self.operator)
        _torch.configure(device)
        given: dict[str, Any] = dict(zip(SIZES, packed.shape, strict=True))
        for key in LAYOUTS[self.operator.layout].arrays:
            array = packed.arrays[key]
            given[key] = _torch.sharing(str(array.dtype), device)(device.put(array))
        shared = _torch.sharing(packed.dtype, device)
        return _torch.on_current_stream(_product(operator, takes, given, shared), device)


def _product(
    operator: Any,
    takes: tuple[Argument, ...],
    given: Mapping[str, Any],
    shared: Callable[[Array], Any],
) -> MatVec:
    """The product by an operator that writes y or returns it. `shared`: the tensor of an array."""
    values = [given.get(one.what) for one in takes if not one.word]
    words = {one.name: given.get(one.what) for one in takes if one.word}
    places: dict[str, tuple[Any, Any]] = {
        one.what: (words, one.name) if one.word else (values, index)
        for index, one in enumerate(takes)
    }
    of_x, x_at = places["x"]
    if "y" in places:
        of_y, y_at = places["y"]

        def writing(x: Array, y: Array) -> None:
            of_x[x_at], of_y[y_at] = shared(x), shared(y)
            operator(*values, **words)

        return writing
    checked = False

    def returning(x: Array, y: Array) -> None:
        nonlocal checked
        of_x[x_at], out = shared(x), shared(y)
        got = operator(*values, **words)
        if not checked:
            _expect_like(got, out)
            checked = True
        out.copy_(got)

    return returning


def _expect_like(got: Any, out: Any) -> None:
    """Raise ValueError for a result that copying would convert, spread or move."""
    seen, expected = (f"{one.dtype} {tuple(one.shape)} on {one.device}" for one in (got, out))
    if seen != expected:
        raise ValueError(f"the operator returns {seen}, expected {expected}")


@cache
def _loaded(wanted: OperatorName) -> tuple[Any, tuple[Argument, ...]]:
    """The operator and what its arguments are, once per process. Raises: UnknownFormat."""
    import torch

    _register(wanted)
    namespace, _, short = wanted.packet.partition("::")
    packet = getattr(getattr(torch.ops, namespace), short, None)
    if packet is None:
        where = wanted.place or f"PyTorch {torch.__version__}"
        raise _refused(wanted, f"{where} registers no such operator; expected {HOW}")
    overload = wanted.overload or "default"
    if overload not in packet.overloads():
        known = ", ".join(f"{wanted.packet}.{one}" for one in packet.overloads())
        raise _refused(wanted, f"there is no overload '{overload}'; expected one of {known}")
    operator = getattr(packet, overload)
    try:
        return operator, arguments(operator._schema, LAYOUTS[wanted.layout].arrays)
    except Unfit as error:
        raise _refused(wanted, str(error)) from None


_placed: dict[str, str] = {}
"""What has registered each operator: a process holds one of a name."""


def _register(wanted: OperatorName) -> None:
    """Import or load what registers the operator. Raises: UnknownFormat."""
    import torch

    place = _placed.get(wanted.packet, wanted.place)
    if place != wanted.place:
        seen = f"in this process it is that of {place or 'PyTorch'} already"
        raise _refused(wanted, f"{seen}; measure one at a time, with --only")
    file = wanted.file
    try:
        if file and file.suffix == ".py":
            outside.load_file(file)
        elif file:
            torch.ops.load_library(file.absolute())
        elif wanted.module:
            importlib.import_module(wanted.module)
    except (ImportError, OSError, SyntaxError) as error:
        raise _refused(wanted, _why(wanted, error)) from error
    _placed[wanted.packet] = wanted.place


def _why(wanted: OperatorName, error: Exception) -> str:
    """Why it was not registered, and what would have been."""
    import torch

    if wanted.file is None or wanted.file.suffix == ".py":
        expected = "a file, or a module that Python finds from here"
        return f"{wanted.place} cannot be imported: {error}; expected {expected}"
    if not wanted.file.is_file():
        return f"there is no file {wanted.file}; expected {HOW}"
    expected = f"a shared library for {platform.machine()} and PyTorch {torch.__version__}"
    cause = error.__cause__ or error.__context__ or error
    return f"{wanted.place} cannot be loaded: {cause}; expected {expected}"


def _has_kernel(operator: Any, device: str) -> bool:
    """Whether PyTorch would find a kernel for tensors there, one for any device included."""
    import torch

    found: bool = torch._C._dispatch_has_computed_kernel_for_dispatch_key(
        operator.name(), KEYS[device]
    )
    return found


def _refused(wanted: OperatorName, why: str) -> UnknownFormat:
    return UnknownFormat(one_line(f"{wanted.label}: {why}"))
