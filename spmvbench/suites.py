"""Frozen suites of problems, so that a number can be cited and measured again elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from spmvbench import hashes
from spmvbench.errors import ExperimentError, did_you_mean
from spmvbench.problems.base import Problem

_FILE = Path(__file__).with_name("suites.yaml")


@dataclass(frozen=True)
class Suite:
    """Every combination of the lists is a problem; batch 1."""

    name: str
    description: str
    shapes: tuple[tuple[int, int], ...]
    densities: tuple[float, ...]
    patterns: tuple[str, ...]
    dtypes: tuple[str, ...]
    seeds: tuple[int, ...]

    @cached_property
    def keys(self) -> frozenset[str]:
        """The problems as they stand in the column `key`."""
        lists = product(self.shapes, self.densities, self.dtypes, self.patterns, self.seeds)
        return frozenset(
            Problem(rows, cols, density, dtype, pattern, seed).key
            for (rows, cols), density, dtype, pattern, seed in lists
        )

    @property
    def hash(self) -> str:
        """Of its sorted keys, a line each: anybody can compute it from the rows of a table."""
        return hashes.of_text("".join(f"{key}\n" for key in sorted(self.keys)))

    @property
    def pinned(self) -> str:
        """Name and hash, as stored experiments say it: `llm31-v1@0123456789ab`."""
        return f"{self.name}@{self.hash}"

    def covered(self, keys: Iterable[str]) -> int:
        """How many of its problems are among `keys`."""
        return len(self.keys.intersection(keys))


def names() -> list[str]:
    """All suites, in the order of the file."""
    return list(_suites())


def suite(name: str) -> Suite:
    """The suite of a name, or of `name@hash`, which must then be the hash of its content.

    Raises: ExperimentError for an unknown name, and for another hash.
    """
    plain, _, wanted = name.partition("@")
    if plain not in _suites():
        near = did_you_mean(plain, _suites())
        known = f"{near} Suites" if near else "; suites"
        raise ExperimentError(f"unknown suite '{plain}'{known}: {', '.join(_suites())}")
    found = _suites()[plain]
    if wanted and wanted != found.hash:
        raise ExperimentError(
            f"suite {plain} is {found.hash} in this version, not {wanted}; "
            "use the version of spmvbench that wrote this, or the name alone"
        )
    return found


@cache
def _suites() -> dict[str, Suite]:
    plain = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return {name: _suite(name, said) for name, said in plain.items()}


def _suite(name: str, said: dict[str, Any]) -> Suite:
    return Suite(
        name,
        said["description"],
        tuple((rows, cols) for rows, cols in said["shapes"]),
        tuple(map(float, said["densities"])),
        tuple(said["patterns"]),
        tuple(said["dtypes"]),
        tuple(said["seeds"]),
    )
