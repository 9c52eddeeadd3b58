"""Formats by name: a file here or in baselines/ is found by its name; there is no registry."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

from spmvbench import baselines, outside, torch_op
from spmvbench.errors import UnknownFormat, did_you_mean
from spmvbench.external.program import PREFIX as PROGRAM
from spmvbench.formats.base import Format, MatVec, Packed, Precision, Target
from spmvbench.guard import Failure, guard
from spmvbench.plugin import PREFIX

__all__ = ["Format", "MatVec", "Packed", "Precision", "Target", "module_names", "names", "resolve"]

SHOWN = 8
"""Classes of a file that are named where another was asked for."""

DEVICES = ("cpu", "cuda")

BATCHES = "expected numbers of columns of x by kind of device, as {'cuda': (1, 2)}"

HOW = (
    " format outside this repository is named 'package.module:Class', 'path/to/file.py:Class', "
    "'plugin:path/to/library.so' or 'torch-op:LAYOUT:PLACE:NAMESPACE::NAME'"
)


def module_names() -> dict[str, str]:
    """File name as a format name -> importable module, ours first; reads folders, imports nothing.

    A file may hold variants: then its name is the beginning of theirs.
    """
    here = [m.name for m in pkgutil.iter_modules(__path__) if m.name != "base"]
    found = {name: f"{__name__}.{name}" for name in here}
    found |= {name: f"spmvbench.baselines.{name}" for name in baselines.names()}
    return {name.replace("_", "-"): module for name, module in found.items()}


def names() -> list[str]:
    """All format names of this repository. Imports every format file."""
    return [cls.name for module in module_names().values() for cls in _classes(_load(module))]


def resolve(name: str) -> Format:
    """The format of that name: ours, a baseline, or a stranger's.

    Raises: UnknownFormat, with the nearest known name.
    """
    if ":" in name:
        return _outside(name)
    files = module_names()
    for stem in sorted(files, key=len, reverse=True):
        if _may_hold(stem, name):
            for cls in _classes(_load(files[stem])):
                if cls.name == name:
                    return cls()
    raise _unknown(name, files)


def check_name(name: str) -> None:
    """Refuse what cannot be a format, without importing any: for reading an experiment file.

    Raises: UnknownFormat.
    """
    if ":" in name:
        if name.startswith(torch_op.PREFIX):
            torch_op.parse(name)
        file = outside_file(name)
        if file is not None and not file.is_file():
            raise UnknownFormat(f"format '{name}': there is no file {file}")
        return
    files = module_names()
    if not any(_may_hold(stem, name) for stem in files):
        raise _unknown(name, files)


def outside_file(name: str) -> Path | None:
    """The file that a format from outside is named by; None where it is named by a module."""
    if name.startswith(PREFIX):
        return Path(name.removeprefix(PREFIX))
    if operator := torch_op.read(name):
        return operator.file
    place = name.rpartition(":")[0]
    return Path(place) if place.endswith(".py") else None


def outside_module(name: str) -> str:
    """The module that a format from outside is named by; empty where it is named otherwise."""
    if outside_file(name) or name.startswith(PROGRAM):
        return ""
    operator = torch_op.read(name)
    return operator.module if operator else name.rpartition(":")[0]


def with_file(name: str, file: str) -> str:
    """The name of a format from outside, with another path to its file."""
    if name.startswith(PREFIX):
        return f"{PREFIX}{file}"
    if operator := torch_op.read(name):
        return operator.placed(file)
    return f"{file}:{name.rpartition(':')[2]}"


def _may_hold(stem: str, name: str) -> bool:
    """Whether a format of that name may stand in that file: `slab4` in slab.py, for instance."""
    return name.startswith(stem + "-") or name.rstrip("0123456789") == stem or name == stem


def _unknown(name: str, known: Iterable[str]) -> UnknownFormat:
    if name.endswith(".so"):
        return UnknownFormat(f"unknown format '{name}': a library is named plugin:{name}")
    if name.endswith(".py"):
        found = [f"{name}:{cls}" for cls in outside.class_names(Path(name))][:SHOWN]
        said = f"name the class too: {' or '.join(found)}" if found else "there is no class in it"
        return UnknownFormat(f"unknown format '{name}': {said}")
    near = did_you_mean(name, known)
    return UnknownFormat(f"unknown format '{name}'{near}{' A' if near else '; a'}{HOW}")


def _load(module: str) -> ModuleType:
    return importlib.import_module(module)


def _classes(module: ModuleType) -> list[type[Format]]:
    """The formats a module defines itself, in source order."""
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Format)
        and value.__module__ == module.__name__
        and "name" in vars(value)
    ]


def _outside(name: str) -> Format:
    if name.startswith(PREFIX):
        from spmvbench.plugin.format import plugin_class

        return plugin_class(Path(name.removeprefix(PREFIX)))()
    if name.startswith(torch_op.PREFIX):
        operator: Format = _load("spmvbench.baselines._operator").operator_class(name)()
        return operator
    if name.startswith(PROGRAM):
        raise UnknownFormat(
            f"format '{name}' is a program of an experiment's external: it is run there, and its "
            "products are not seen"
        )
    place, _, attribute = name.rpartition(":")
    if not outside_file(name) and outside.module_file(place) is None:
        raise UnknownFormat(f"format '{name}': there is no module '{place}'; a{HOW}")
    module = guard(lambda: outside.load(place))
    if isinstance(module, Failure):
        raise UnknownFormat(f"format '{name}': {module.reason}")
    cls = getattr(module, attribute, None)
    if not (isinstance(cls, type) and issubclass(cls, Format)):
        raise _no_format(place, attribute, module)
    if wrong := _incomplete(cls):
        raise UnknownFormat(f"format '{name}': {wrong}")
    return cls()


def _incomplete(cls: type[Format]) -> str:
    """What a class of somebody else lacks or says wrongly, in words; empty where nothing."""
    if missing := sorted(getattr(cls, "__abstractmethods__", ())):
        return f"{cls.__name__} has no {' and no '.join(missing)}; expected pack, unpack and plan"
    if not isinstance(getattr(cls, "name", None), str):
        return f"{cls.__name__} has no name; expected one, as name = '{cls.__name__.lower()}'"
    known = {"dtypes": Format.dtypes, "devices": DEVICES}
    for what, words in known.items():
        seen = getattr(cls, what)
        if isinstance(seen, str) or not seen or not set(seen) <= set(words):
            return f"{what} is {seen!r}; expected a tuple of some of {', '.join(words)}"
    return "" if _are_batches(cls.batches) else f"batches is {cls.batches!r}; {BATCHES}"


def _are_batches(seen: object) -> bool:
    return isinstance(seen, Mapping) and all(
        device in DEVICES
        and isinstance(few, tuple)
        and few
        and all(isinstance(one, int) and one > 0 for one in few)
        for device, few in seen.items()
    )


def _no_format(place: str, attribute: str, module: ModuleType) -> UnknownFormat:
    """What there is instead: `mine.py has no class 'Foo'; its formats are Coo, Csr`."""
    file = getattr(module, "__file__", None) or "built in"
    where = place if place.endswith(".py") else f"{place} ({file})"
    found = [
        name
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, Format)
        and value.__module__ == module.__name__
        and not inspect.isabstract(value)
    ]
    said = f"{where} has no class '{attribute}'"
    if hasattr(module, attribute):
        said = f"'{attribute}' of {where} is no subclass of spmvbench.formats.base.Format"
    if not found:
        return UnknownFormat(f"{said}; expected a format, and there is none")
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    near = did_you_mean(attribute, found) or f": name one, as {found[0]}"
    return UnknownFormat(f"{said}; its formats are {', '.join(found[:SHOWN])}{more}{near}")
