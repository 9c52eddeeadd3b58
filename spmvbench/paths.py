"""Where kernels, baselines, experiments are: top of a checkout, or inside the installed wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_TOP = _PACKAGE.parent


def checkout() -> Path | None:
    """The top of the checkout this package runs from, or None when it is installed as a wheel."""
    return _TOP if (_TOP / "pyproject.toml").is_file() else None


def data_dir(name: str) -> Path:
    """The folder `kernels`, `baselines` or `experiments`; a checkout wins: edits count at once."""
    top = checkout()
    folder = top / name if top else _PACKAGE / name
    if not folder.is_dir():
        raise FileNotFoundError(f"spmvbench: no {name}/ folder beside or inside {_PACKAGE}")
    return folder
