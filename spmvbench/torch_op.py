"""How an operator of PyTorch is named as a format. Importing this imports no PyTorch."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from spmvbench.errors import UnknownFormat, did_you_mean
from spmvbench.formats.base import Format

PREFIX = "torch-op:"

LAYOUTS: tuple[str, ...] = ("dense", "csr", "macko", "macko-padded", "bitmap")
"""What an operator may be given; baselines/_operator_layouts.py has the arrays of each."""

HOW = (
    "torch-op:LAYOUT:PLACE:NAMESPACE::NAME, PLACE a module, file.py or library.so, left out for "
    "an operator of PyTorch itself"
)

_NAME = re.compile(
    rf"{PREFIX}(?P<layout>[^:/]*)(?P<dtypes>(?:/[^:/]*)*):(?:(?P<place>.+):)?"
    r"(?P<packet>[A-Za-z_]\w*::\w+)(?:\.(?P<overload>\w+))?"
)

_FILES = (".py", ".so", ".dylib", ".dll")


@dataclass(frozen=True)
class OperatorName:
    """`torch-op:LAYOUT/DTYPE:PLACE:NAMESPACE::NAME.OVERLOAD`; types, place, overload may lack.

    `packet`: `NAMESPACE::NAME`. `place`: what registers it when it is imported or loaded.
    """

    layout: str
    packet: str
    place: str = ""
    dtypes: tuple[str, ...] = ()
    overload: str = ""

    @property
    def file(self) -> Path | None:
        """The Python file or shared library that registers it, if it is one."""
        is_file = "/" in self.place or self.place.endswith(_FILES)
        return Path(self.place) if is_file else None

    @property
    def module(self) -> str:
        """The module that registers it; empty where a file does, or PyTorch itself."""
        return "" if self.file else self.place

    @property
    def label(self) -> str:
        """The operator alone."""
        return self.packet + (f".{self.overload}" if self.overload else "")

    def placed(self, file: str) -> str:
        """The format's name with another path to its file."""
        moved = replace(self, place=file)
        return f"{PREFIX}{'/'.join([moved.layout, *moved.dtypes])}:{moved.place}:{moved.label}"


def read(name: str) -> OperatorName | None:
    """The parts of a name, right or not; None for what is no operator's."""
    found = _NAME.fullmatch(name)
    if not found:
        return None
    dtypes = tuple(found["dtypes"].split("/")[1:])
    parts = found["place"] or "", dtypes, found["overload"] or ""
    return OperatorName(found["layout"], found["packet"], *parts)


def parse(name: str) -> OperatorName:
    """The parts of a name. Raises: UnknownFormat."""
    operator = read(name)
    if operator is None:
        raise UnknownFormat(f"format '{name}': expected {HOW}")
    words = [("layout", operator.layout, LAYOUTS)]
    words += [("type", dtype, Format.dtypes) for dtype in operator.dtypes]
    for what, word, known in words:
        if word not in known:
            near = did_you_mean(word, known)
            expected = f"{near} Expected" if near else "; expected"
            raise UnknownFormat(
                f"format '{name}': unknown {what} '{word}'{expected} one of {', '.join(known)}"
            )
    return operator
