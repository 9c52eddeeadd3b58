"""Where the numbers are from, and how to measure them again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from spmvbench.curves import text
from spmvbench.report.sources import Folder, Sources

DIRTY = "+dirty"
UNKNOWN = "unknown"

NESTED = ("libraries", "outside")
"""Entries of an environment that are tables themselves: each key gets a line of its own."""


@dataclass(frozen=True)
class Environments:
    """`ids`: the hash in the rows and how many rows have it. `lines`: name, one value per id.

    `differs`: names of lines whose values are not all the same.
    """

    ids: Sequence[tuple[str, int]]
    lines: Sequence[tuple[str, Sequence[str]]]
    differs: frozenset[str]


def environments(sources: Sources) -> Environments:
    """Those that rows name, the one of most rows first."""
    count = text(sources.records["environment"]).value_counts()
    ids = [(str(name), int(number)) for name, number in count.items()]
    entries = [flat(sources.environments.get(name, {})) for name, _ in ids]
    names = sorted({key for entry in entries for key in entry}, key=_place)
    lines = [(name, [entry.get(name, "") for entry in entries]) for name in names]
    return Environments(ids, lines, frozenset(n for n, values in lines if len(set(values)) > 1))


def flat(entry: Mapping[str, Any]) -> dict[str, str]:
    """An environment as names and texts: `libraries` becomes `numpy`, `scipy` and so on."""
    found: dict[str, str] = {}
    for key, value in entry.items():
        if key in NESTED and isinstance(value, Mapping):
            found |= {f"{key}: {name}": str(version) for name, version in value.items()}
        elif isinstance(value, list):
            found[key] = ", ".join(map(str, value))
        else:
            found[key] = str(value)
    return found


FIRST = ("device", "system", "spmvbench", "commit", "source_hash", "python")


def _place(name: str) -> tuple[int, str]:
    return (FIRST.index(name) if name in FIRST else len(FIRST), name)


def protocols(records: pd.DataFrame) -> list[tuple[str, int]]:
    """Versions of the measuring rules and hashes of the timing settings, with their rows."""
    count = text(records["protocol"]).value_counts()
    return [(str(name) or "none", int(number)) for name, number in count.items()]


@dataclass(frozen=True)
class Recipe:
    """`file`: what the text of the experiment is to be saved as. `commands`: to paste."""

    folder: Folder
    file: str
    commands: str


def recipes(sources: Sources) -> list[Recipe]:
    """How to measure each folder again: its commit, its libraries, its experiment."""
    return [_recipe(folder, sources) for folder in sources.folders if folder.text]


def _recipe(folder: Folder, sources: Sources) -> Recipe:
    used = text(folder.rows(sources.records)["environment"]).mode()
    entry = sources.environments.get(str(used[0]), {}) if len(used) else {}
    commit = str(entry.get("commit", UNKNOWN)).removesuffix(DIRTY)
    file = f"{folder.experiment}.yaml"
    lines = [
        f"# the commit of these rows is not known; source_hash {entry.get('source_hash', UNKNOWN)}"
        if commit == UNKNOWN
        else f"git checkout {shlex.quote(commit)}",
        shlex.join(["python", "-m", "pip", "install", "-e", ".", *_pins(entry)]),
        shlex.join(["spmvbench", "run", file]),
        shlex.join(["spmvbench", "report", f"results/{folder.label}"]),
    ]
    return Recipe(folder, file, "\n".join(lines))


def _pins(entry: Mapping[str, Any]) -> list[str]:
    """`numpy==2.4.6`; a local version, as torch 2.13.0+cpu, is on no index under that name."""
    libraries = entry.get("libraries", {})
    return [f"{name}=={str(version).partition('+')[0]}" for name, version in libraries.items()]
