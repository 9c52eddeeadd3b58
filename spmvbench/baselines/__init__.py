"""Adapters to other people's libraries: each file of the top-level baselines/ is a module here."""

from __future__ import annotations

import pkgutil

from spmvbench.paths import data_dir

_folder = str(data_dir("baselines"))
if _folder not in __path__:
    __path__.append(_folder)


def names() -> list[str]:
    """The adapters found, whether or not their library is installed."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))
