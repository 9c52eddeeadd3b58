"""A case: one problem under one condition, and the formats to measure on it together."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from spmvbench.external.program import Program
from spmvbench.problems.base import Problem

PROTOCOL = 2
"""Version of the measuring rules; raised whenever a change of them can change a number."""


@dataclass(frozen=True)
class Timing:
    """When to stop sampling, and when to give up.

    `budget_s`: seconds of sampling per format. `precision`: half-width of the 95 % interval of the
    median, as a share of it, that ends sampling. `timeout_s`: the longest one step (pack, plan, one
    product) of one format may take.
    """

    budget_s: float = 1.0
    precision: float = 0.02
    min_samples: int = 30
    timeout_s: float = 120.0

    @property
    def protocol(self) -> str:
        """The `protocol` column: rows of different protocols are never taken for one another."""
        text = json.dumps(asdict(self), sort_keys=True)
        return f"{PROTOCOL}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class Case:
    """One problem, one cache state, one number of threads: timed interleaved, in one process.

    `anchors` are dense formats measured before: they are timed again so that speed-ups have
    their pair, and leave no second record. `timed` False: check only, nothing is timed.
    `programs` are what formats of the name `external:NAME` stand for.
    """

    experiment: str
    problem: Problem
    formats: tuple[str, ...]
    cache: str
    threads: int
    timing: Timing = field(default_factory=Timing)
    anchors: tuple[str, ...] = ()
    timed: bool = True
    programs: tuple[Program, ...] = ()

    @property
    def label(self) -> str:
        """How progress and messages name it: the tensor of a file, else the whole key."""
        p = self.problem
        what = p.key
        if p.source:
            what = f"{p.tensor} {p.rows}x{p.cols} {p.pattern}"
            what += f" d{p.density:g}" if p.density else ""
        return f"{what} {self.cache}" + (f" {self.threads}t" if self.threads else "")

    def to_json(self) -> dict[str, Any]:
        """Plain values for the worker's pipe."""
        return asdict(self)

    @staticmethod
    def from_json(plain: dict[str, Any]) -> Case:
        """The inverse of `to_json`."""
        return Case(
            **plain
            | {
                "problem": Problem(**plain["problem"]),
                "timing": Timing(**plain["timing"]),
                "formats": tuple(plain["formats"]),
                "anchors": tuple(plain["anchors"]),
                "programs": tuple(
                    Program(**one | {"devices": tuple(one["devices"])}) for one in plain["programs"]
                ),
            }
        )
