"""Figures into files: complete or not at all, and the same bytes for the same records."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from matplotlib.figure import Figure

from spmvbench.errors import ResultsError

DPI = 150


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write `name`.png and `name`.svg. Raises: ResultsError when the folder cannot be written."""
    return [_write(figure, folder / f"{name}.{suffix}", suffix) for suffix in ("png", "svg")]


def _write(figure: Figure, path: Path, suffix: str) -> Path:
    """Through a temporary file beside it: a reader never sees half a picture."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    # A date or a version of matplotlib in the file would make every run a change.
    metadata = {"Date": None, "Creator": None} if suffix == "svg" else {"Software": None}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(partial, format=suffix, dpi=DPI, metadata=metadata)
        os.replace(partial, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise ResultsError(
            f"{path}: {error.strerror or error}; choose another folder or make room"
        ) from error
    return path
