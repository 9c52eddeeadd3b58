"""Errors of the disk as the user's: one line that names the place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spmvbench.errors import ResultsError


@contextmanager
def saving(path: Path, option: str) -> Iterator[None]:
    """Turn an OSError into a ResultsError; `option` is the one that names another place."""
    try:
        yield
    except OSError as error:
        raise ResultsError(
            f"{path}: cannot be written ({error.strerror or error}); "
            f"free space or choose another place with {option}"
        ) from error
