"""Formats in C or C++: shared libraries that export what spmvbench_plugin.h says."""

from __future__ import annotations

from pathlib import Path

PREFIX = "plugin:"
"""A format of that name is a shared library: `plugin:path/to/library.so`."""

HEADER = Path(__file__).parent / "spmvbench_plugin.h"

EXAMPLES = {"cpu": "csr_plain.c", "cuda": "csr_plain.cu"}
"""By kind of device: a whole plug-in to begin from."""


def example(kind: str) -> Path:
    """The file of an example."""
    return Path(__file__).parent / "examples" / EXAMPLES[kind]
