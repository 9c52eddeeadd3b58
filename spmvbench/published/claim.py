"""The claims of claims.yaml: numbers, and where they are from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

SPEEDUP, SIZE, MODEL = "speedup", "size", "model"
MEDIAN, BEST = "median", "best"

_FILE = Path(__file__).with_name("claims.yaml")


@dataclass(frozen=True)
class Published:
    """One claim; the fields are explained in claims.yaml."""

    name: str
    quantity: str
    densities: tuple[float, ...]
    low: float
    source: str
    place: str
    high: float | None = None
    than: str = ""
    near: tuple[str, ...] = ()
    over: str = MEDIAN
    note: str = ""

    @property
    def claimed(self) -> str:
        """`1.2-1.5x`, `1.5x or more`."""
        return f"{self.low:g}-{self.high:g}x" if self.high else f"{self.low:g}x or more"


@dataclass(frozen=True)
class Publication:
    """What all claims have in common: the format, the condition, GPUs and sizes; its sources."""

    format: str
    dtype: str
    pattern: str
    batch: int
    cache: str
    gpus: tuple[str, ...]
    shapes: frozenset[tuple[int, int]]
    sources: Mapping[str, str]
    claims: tuple[Published, ...]

    def measured_on(self, device: str) -> bool:
        """Whether the authors measured on it; `device` is the slug of a results folder."""
        return device.endswith(self.gpus)


@cache
def publication() -> Publication:
    """The one in claims.yaml."""
    said = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    claims = [
        Published(
            **{
                **one,
                "densities": tuple(one["densities"]),
                "near": tuple(filter(None, one.get("near", "").split(", "))),
            }
        )
        for one in said["claims"]
    ]
    common = {key: said[key] for key in ("format", "dtype", "pattern", "batch", "cache", "sources")}
    shapes = frozenset((rows, cols) for rows, cols in said["shapes"])
    return Publication(**common, gpus=tuple(said["gpus"]), shapes=shapes, claims=tuple(claims))
