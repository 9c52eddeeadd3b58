"""Formats in C or C++: shared libraries that export what spmvbench_plugin.h says."""

from __future__ import annotations

from pathlib import Path

PREFIX = "plugin:"
"""A format of that name is a shared library: `plugin:path/to/library.so`."""

HEADER = Path(__file__).parent / "spmvbench_plugin.h"
