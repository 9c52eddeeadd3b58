"""A claim: a ratio that a run is to show. An experiment's targets are its claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

BEST_16_BIT_DENSE = "best 16-bit dense"
BEST_16_BIT = "best 16-bit"

GROUPS = (BEST_16_BIT_DENSE, BEST_16_BIT)
"""Rivals that are found in the run: the fastest lossless format that stores 16-bit values."""


@dataclass(frozen=True)
class Claim:
    """One entry of `targets`; empty `shapes`, `densities`, `threads` are all that were measured.

    `than`: a format, several of which the fastest counts, or one of `GROUPS`; its median time over
    that of `format` is the ratio. None: the ratio is the share of the read bandwidth that `format`
    gets by its own bytes.
    """

    format: str
    than: str | tuple[str, ...] | None
    at_least: float
    beyond: float | None = None
    shapes: tuple[tuple[int, int], ...] = ()
    densities: tuple[float, ...] = ()
    threads: tuple[int | str, ...] = ()

    @property
    def words(self) -> str:
        """`macko / csr-scipy`, `auto / best of 9 formats`, `macko, share of bandwidth`."""
        if isinstance(self.than, tuple):
            return f"{self.format} / best of {len(self.than)} formats"
        return f"{self.format} / {self.than}" if self.than else f"{self.format}, share of bandwidth"


@dataclass(frozen=True)
class Targets:
    """The claims, and which share of each ratio is asked of a CPU by the name of its SIMD tier."""

    claims: tuple[Claim, ...] = ()
    scale: Mapping[str, float] = field(default_factory=dict)

    def share(self, tier: str) -> float:
        """What a ratio is multiplied by: 1 for a tier that is not named."""
        return self.scale.get(tier, 1.0)
