"""The rows of one problem under one condition, and which two of them may be compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isclose
from pathlib import PurePath
from typing import Any

import pandas as pd

from spmvbench.claim import BEST_16_BIT_DENSE, GROUPS, Claim
from spmvbench.curves import filled, tail, text
from spmvbench.summary.layout import SHAPE

BITS_16 = ("float16", "bfloat16")

TIER = "simd"
"""The key of an environment that names its tier of vector instructions."""

CLOSE = 1e-5
"""Densities that differ by a smaller share are the same: rows keep six digits of them."""


class Unmeasured(Exception):
    """Why a claim cannot be judged on a problem."""


@dataclass(frozen=True)
class Contest:
    """`rows`: by format. `environments`: what environment.json holds."""

    rows: Mapping[str, Any]
    environments: Mapping[str, Any]

    @property
    def any(self) -> Any:
        """The row that tells what all have in common."""
        return next(iter(self.rows.values()))

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, cols)"""
        return int(self.any.rows), int(self.any.cols)

    @property
    def where(self) -> dict[str, str]:
        """Problem and condition in words, by the column of the table they stand in."""
        row = self.any
        return {
            SHAPE: row.shape,
            "density": f"{row.density:g}",
            "threads": str(row.threads),
            "tensor": row.tensor if row.source else "",
            "source": PurePath(row.source).name,
            "dtype": row.dtype,
            "pattern": row.pattern,
            "batch": str(row.batch),
            "seed": str(row.seed),
            "cache": row.cache,
        }

    def has_density(self, density: float) -> bool:
        """Whether it is that density, but for how it was written."""
        return isclose(self.any.density, density, rel_tol=CLOSE)

    def has_threads(self, threads: int | str) -> bool:
        """`all` are as many as the machine had cores."""
        count = self._environment(self.any).get("cores") if threads == "all" else threads
        return bool(self.any.threads == count)

    def tier(self, name: str) -> str:
        """The SIMD tier that a format was measured on; "" where none was noted, as on a GPU."""
        return str(self._environment(self.rows.get(name, self.any)).get(TIER, ""))

    def _environment(self, row: Any) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.environments.get(row.environment, {})
        return found

    def timed(self, name: str) -> Any:
        """The row of a format. Raises: Unmeasured where it has no time that counts."""
        row = self.rows.get(name)
        if row is None:
            raise Unmeasured(f"{tail(name)} has no row")
        if not _has_time(row):
            reason = row.reason.removeprefix(f"{name}: ")
            raise Unmeasured(f"{tail(name)} is {row.status}{reason and ': '}{reason}")
        return row

    def rival(self, claim: Claim, mine: Any) -> Any:
        """The row that a claim compares `mine` with. Raises: Unmeasured where there is none."""
        found = self._rivals(claim, mine)
        beside = [row for row in found if _together(row, mine)]
        rival = min(beside or found, key=lambda row: row.median_us)
        if not beside:
            pair = f"{tail(mine.format)} and {tail(rival.format)}"
            raise Unmeasured(f"{pair} were not timed together; a run into a new --out does that")
        return rival

    def _rivals(self, claim: Claim, mine: Any) -> list[Any]:
        """The rows of which the fastest counts: at least one."""
        if isinstance(claim.than, tuple):
            found = [row for row in map(self.rows.get, claim.than) if row and _has_time(row)]
            reason = f"none of {', '.join(map(tail, claim.than))} has a time"
        elif claim.than in GROUPS:
            dense = claim.than == BEST_16_BIT_DENSE
            found = [row for row in self.rows.values() if _may_be_best(row, mine, dense=dense)]
            kind = "dense " if dense else ""
            reason = f"no lossless {kind}format of 16 bits beside {tail(mine.format)}"
        else:
            return [self.timed(str(claim.than))]
        if not found:
            raise Unmeasured(reason)
        return found


def _has_time(row: Any) -> bool:
    return bool(row.status == "ok" and row.median_us > 0)


def _may_be_best(row: Any, mine: Any, *, dense: bool) -> bool:
    right = _has_time(row) and row.lossless and row.value_dtype in BITS_16 and not row.layout
    return bool(right and row.format != mine.format and (row.dense or not dense))


def _together(one: Any, other: Any) -> bool:
    """Whether sample i of both is of the same block.

    The column `block` alone does not tell: a format that was added later was timed with dense ones
    that left no second row. But rows of one timing share the bandwidth measured beside them, to
    the last digit, and have as many samples.
    """
    return all(
        getattr(one, name) == getattr(other, name)
        for name in ("environment", "block", "read_gbps", "samples", "launch_samples")
    )


def contests(records: pd.DataFrame, environments: Mapping[str, Any]) -> Iterator[Contest]:
    """All rows by problem, cache state and threads, in order of appearance.

    Raises: ResultsError without any row.
    """
    rows = filled(records)
    for name in ("environment", "status", "launch_samples"):
        rows[name] = text(rows[name])
    for _, own in rows.groupby(["key", "cache", "threads"], sort=False):
        yield Contest({row.format: row for row in own.itertuples()}, environments)
