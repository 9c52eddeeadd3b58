"""spmvbench_plugin.h for ctypes: its structures, and a library that was found to keep to it."""

from __future__ import annotations

import ctypes
import platform
from ctypes import POINTER, c_char_p, c_int, c_int32, c_int64, c_size_t, c_void_p
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from spmvbench.errors import FormatError, UnknownFormat
from spmvbench.guard import one_line

VERSION = 1
MOST_ARRAYS = 16
MOST_PARAMS = 16
MOST_BATCH = 32

TYPES = {"float16": 1, "bfloat16": 2, "float32": 4}
DEVICES = {"cpu": 1, "cuda": 2}
DENSE, CSR = 1, 2
OUT_OF_MEMORY = 2

_NEEDED = ("pack", "free", "launch")


class Problem(ctypes.Structure):
    """`struct spmvbench_problem`."""

    _fields_: ClassVar = [
        *((name, c_int64) for name in ("rows", "cols")),
        *((name, c_int32) for name in ("dtype", "device", "batch", "threads")),
    ]


class Matrix(ctypes.Structure):
    """`struct spmvbench_matrix`; `kept` is the memory it points into."""

    kept: object

    _fields_: ClassVar = [
        *((name, c_int64) for name in ("rows", "cols", "entries")),
        *((name, c_int32) for name in ("dtype", "reserved")),
        *((name, c_void_p) for name in ("dense", "values", "columns", "row_pointers")),
    ]


class PackedArray(ctypes.Structure):
    """`struct spmvbench_array`."""

    _fields_: ClassVar = [("name", c_char_p), ("data", c_void_p), ("bytes", c_size_t)]


class PackedArrays(ctypes.Structure):
    """`struct spmvbench_packed`."""

    _fields_: ClassVar = [
        ("array_count", c_int32),
        ("param_count", c_int32),
        ("arrays", PackedArray * MOST_ARRAYS),
        ("params", c_int64 * MOST_PARAMS),
        ("owner", c_void_p),
    ]


class Product(ctypes.Structure):
    """`struct spmvbench_product`; `kept` is the memory it points into."""

    kept: object

    _fields_: ClassVar = [
        ("problem", Problem),
        ("arrays", c_void_p * MOST_ARRAYS),
        ("params", c_int64 * MOST_PARAMS),
    ]


class Table(ctypes.Structure):
    """`struct spmvbench_plugin`."""

    _fields_: ClassVar = [
        ("name", c_char_p),
        *((n, c_int32) for n in ("devices", "dtypes", "input", "max_batch")),
        *((n, c_int32) for n in ("accumulate", "lossless", "dense", "reserved")),
        ("pack", ctypes.CFUNCTYPE(c_int, POINTER(Matrix), POINTER(PackedArrays))),
        ("free", ctypes.CFUNCTYPE(None, POINTER(PackedArrays))),
        ("launch", ctypes.CFUNCTYPE(c_int, POINTER(Product), *[c_void_p] * 4)),
        ("workspace_bytes", ctypes.CFUNCTYPE(c_size_t, POINTER(Product))),
        ("unpack", ctypes.CFUNCTYPE(c_int, POINTER(Product), c_void_p)),
        ("unavailable", ctypes.CFUNCTYPE(c_char_p, POINTER(Problem))),
        ("error", ctypes.CFUNCTYPE(c_char_p)),
    ]


class Plugin:
    """A loaded library: `table` is what it has filled in."""

    def __init__(self, path: Path) -> None:
        """Load and ask it. Raises: UnknownFormat, saying what it does not keep to."""
        self.path = path
        self._cdll = self._loaded()
        version = int(self._function("spmvbench_abi_version")())
        if version != VERSION:
            raise self._refused(
                f"it was compiled for version {version} of spmvbench_plugin.h, expected {VERSION}; "
                "compile it again: spmvbench plugin-header says where the header is"
            )
        self.table = Table(
            devices=DEVICES["cpu"],
            dtypes=sum(TYPES.values()),
            input=CSR,
            max_batch=1,
            accumulate=TYPES["float32"],
            lossless=1,
        )
        self._function("spmvbench_plugin")(ctypes.byref(self.table))
        if wrong := _wrong(self.table):
            raise self._refused(wrong)

    @property
    def name(self) -> str:
        """What it calls itself."""
        return text(self.table.name)

    def expect(self, status: int, call: str) -> None:
        """Raise what a status other than SPMVBENCH_OK means: MemoryError or FormatError."""
        if status == 0:
            return
        said = text(self.table.error()) if self.table.error else ""
        why = f"{self.name}: {call} failed: {said or f'status {status}'}"
        raise (MemoryError if status == OUT_OF_MEMORY else FormatError)(why)

    def _loaded(self) -> ctypes.CDLL:
        if not self.path.is_file():
            raise self._refused("there is no such file")
        try:
            return ctypes.CDLL(str(self.path.absolute()))
        except OSError as error:
            expected = f"a shared library for {platform.machine()}, and all that it is linked with"
            raise self._refused(f"cannot be loaded: {error}; expected {expected}") from None

    def _function(self, name: str) -> Any:
        try:
            return self._cdll[name]
        except AttributeError:
            raise self._refused(
                f"it exports no {name}; expected SPMVBENCH_PLUGIN(self) {{...}} in its source"
            ) from None

    def _refused(self, why: str) -> UnknownFormat:
        return UnknownFormat(one_line(f"format 'plugin:{self.path}': {why}"))


@cache
def load(path: Path) -> Plugin:
    """The library, loaded once per process. Raises: UnknownFormat."""
    return Plugin(path)


def text(raw: bytes | None) -> str:
    """What a library says, in one line."""
    return one_line((raw or b"").decode(errors="replace"))


def named(bits: int, names: dict[str, int]) -> tuple[str, ...]:
    """The names in a set of them."""
    return tuple(name for name, bit in names.items() if bits & bit)


def _wrong(table: Table) -> str:
    """What it left out or set to what there is not; empty when nothing."""
    unset = [name for name in ("name", *_NEEDED) if not getattr(table, name)]
    if unset:
        return f"it leaves {', '.join(unset)} unset; expected name, {', '.join(_NEEDED)}"
    if not table.lossless and not table.unpack:
        return "it is lossy and has no unpack; expected one, for it is judged by what that gives"
    everything = {"devices": sum(DEVICES.values()), "dtypes": sum(TYPES.values())}
    for name, all_bits in everything.items():
        if not 0 < getattr(table, name) <= all_bits:
            return f"{name} is {getattr(table, name)}; expected a sum of up to {all_bits}"
    choices = {"input": (DENSE, CSR), "accumulate": (*TYPES.values(),)}
    for name, known in choices.items():
        if getattr(table, name) not in known:
            return f"{name} is {getattr(table, name)}; expected one of {known}"
    if not 1 <= table.max_batch <= MOST_BATCH:
        return f"max_batch is {table.max_batch}; expected 1 to {MOST_BATCH}"
    return ""
