"""Modules from outside: which files they are made of, and that no machine code outlives these."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import site
import sys
import sysconfig
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import spmvbench

_INSTALLED = {"site-packages", "dist-packages"}


def load(place: str) -> ModuleType:
    """The module of a file's path or of a module's name, without caches of machine code on disk.

    Numba stamps what it keeps there with one file, not with those of the helpers compiled into it.
    """
    if not place.endswith(".py"):
        return without_caches(importlib.import_module(place), place)
    return load_file(Path(place))


@functools.cache
def load_file(path: Path) -> ModuleType:
    """Once per process: again, its kernels would be compiled again."""
    spec = importlib.util.spec_from_file_location(f"spmvbench_outside_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ImportError(f"there is no file {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return without_caches(module, "")


def without_caches(module: ModuleType, name: str) -> ModuleType:
    """The module; what `numba.njit(cache=True)` made in it and in what it imports keeps nothing.

    What was taken from a cache while it was imported is compiled again, helpers first. `name`: of
    the module, if it was found by one.
    """
    if "numba" not in sys.modules or not module.__file__:
        return module
    from numba.core.dispatcher import Dispatcher

    for imported in reversed(_closure(Path(module.__file__), name).values()):
        own = sys.modules.get(imported) if imported != name else module
        for value in list(vars(own).values()) if own else ():
            if isinstance(value, Dispatcher):
                cast(Any, value)._cache.disable()
                if value.stats.cache_hits:
                    value.recompile()
    return module


def files(path: Path, name: str = "") -> list[Path]:
    """The file of a module and every file that it imports, in turn, and that is not installed.

    What is installed has a version; of a package that is, only its own files count. `name`: of
    the module, if it is found by one. Read from the source: imports inside functions count too.
    """
    return list(_closure(path, name))


def _closure(path: Path, name: str) -> dict[Path, str]:
    """The same, with the module's name of each."""
    home = _top(path, name)
    found: dict[Path, str] = {}
    todo = [(path.resolve(), name)]
    while todo:
        file, module = todo.pop()
        if file in found:
            continue
        found[file] = module
        for imported in _imports(file, module):
            place = module_file(imported)
            if place and place.is_file() and _counts(place.resolve(), home):
                todo.append((place.resolve(), imported))
    return found


def class_names(path: Path) -> list[str]:
    """The classes of a file, derived from something, as they stand in its source; imports nothing.

    Of a file that cannot be read: none.
    """
    try:
        body = ast.parse(path.read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return []
    return [node.name for node in body if isinstance(node, ast.ClassDef) and node.bases]


def module_file(name: str) -> Path | None:
    """A module's file, found without importing it or its packages: they may raise anything."""
    if loaded := getattr(sys.modules.get(name), "__file__", None):
        return Path(loaded)
    parts = name.split(".")
    # Packages that are installed editably have finders of their own, at the top.
    spec = next(filter(None, (finder.find_spec(parts[0], None) for finder in sys.meta_path)), None)
    for end in range(2, len(parts) + 1):
        where = spec.submodule_search_locations if spec else None
        spec = PathFinder.find_spec(".".join(parts[:end]), where) if where else None
    return Path(spec.origin) if spec and spec.origin else None


def _top(path: Path, name: str) -> Path | None:
    """The folder of the package that a module found by name is in; None where it is in none."""
    first, *inner = name.split(".")
    top = module_file(first) if inner else None
    own = top or path
    return own.resolve().parent if own.name == "__init__.py" else None


def _counts(file: Path, home: Path | None) -> bool:
    if home and file.is_relative_to(home):
        return True
    return not _INSTALLED & set(file.parts) and not any(map(file.is_relative_to, _elsewhere()))


@functools.cache
def _elsewhere() -> tuple[Path, ...]:
    """Where Python, what is installed, and spmvbench itself lie."""
    kinds = ("stdlib", "platstdlib", "purelib", "platlib")
    own = Path(spmvbench.__file__).parent
    places = [*map(sysconfig.get_path, kinds), site.getusersitepackages(), str(own)]
    return tuple(Path(place).resolve() for place in places)


def _imports(file: Path, module: str) -> Iterator[str]:
    """The names of the modules that a file may import, of the packages they are in too."""
    if file.suffix != ".py":
        return
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    yield from _parents(package)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _parents(alias.name)
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(node, package)
            yield from _parents(origin)
            yield from (f"{origin}.{alias.name}" for alias in node.names if origin)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    return ".".join(filter(None, [*parts[: len(parts) - node.level + 1], node.module]))


def _parents(name: str) -> Iterator[str]:
    """`a`, `a.b` and `a.b.c` of `a.b.c`."""
    parts = name.split(".") if name else []
    yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))
