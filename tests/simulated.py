"""Launches on a fake clock: rows as a run writes them, of samples whose truth is known.

A time is the product of what is true of its case, of the launch (where memory happened to lie), of
the machine at that moment (it drifts, and something else runs now and then), and of noise.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spmvbench.record import COLUMNS, Record
from spmvbench.stats import median
from spmvbench.table import cells, line

FORMATS = ("macko", "bitmap", "csr16", "dense-cublas")
SAMPLES = 40
GAP_S = 1.0
"""Between two launches: imports, packing, checking."""


@dataclass(frozen=True)
class Machine:
    """What it does to times. Shares: `noise` and `launch_effect` are standard deviations.

    `drift`: by how much all is slower at the end of `session_s`. `bursts`: how many per second;
    within one, of 20 samples, all take a third longer.
    """

    noise: float = 0.004
    launch_effect: float = 0.005
    drift: float = 0.0
    bursts: float = 0.0
    session_s: float = 60.0


@dataclass
class Simulation:
    """`cases` of every format; `slower(case)` is the factor that the new side takes longer by."""

    machine: Machine
    cases: int
    slower: Callable[[int], float]
    seed: int

    def __post_init__(self):
        self._random = np.random.default_rng(self.seed)
        self.now_s = 0.0
        self._base_us = np.exp(self._random.uniform(np.log(20), np.log(500), self.cases))

    def clock(self) -> float:
        """Seconds since the simulation began."""
        return self.now_s

    def launch(self, side: str, out: Path, only: Sequence[str] = ()) -> None:
        """One process start: a row per case, in a results folder below `out`."""
        self.now_s += GAP_S
        rows = []
        for case in range(self.cases):
            name = FORMATS[case % len(FORMATS)]
            if only and name not in only:
                continue
            factor = self.slower(case) if side == "new" else 1.0
            rows.append(self._row(case, name, self._samples(self._base_us[case] * factor)))
        folder = out / "simulated" / "gpu"
        folder.mkdir(parents=True)
        text = b"".join([line(COLUMNS), *(line(cells(row)) for row in rows)])
        (folder / "records.csv").write_bytes(text)
        (folder / "environment.json").write_text(json.dumps({"e": {"device": "GPU"}}))

    def _samples(self, truth_us: float) -> np.ndarray:
        machine, random = self.machine, self._random
        times = truth_us * np.exp(random.normal(0, machine.noise, SAMPLES))
        times *= np.exp(random.normal(0, machine.launch_effect))
        spans_s = 1e-3 * np.ones(SAMPLES)  # a sample with its flush and its bookkeeping
        moments_s = self.now_s + np.cumsum(spans_s)
        times *= 1 + machine.drift * moments_s / machine.session_s
        for _ in range(random.poisson(machine.bursts * spans_s.sum())):
            start = random.integers(SAMPLES)
            times[start : start + 20] *= 4 / 3
        self.now_s = float(moments_s[-1])
        return times

    def _row(self, case: int, name: str, times: np.ndarray) -> Record:
        found = median(times)
        return Record(
            experiment="simulated",
            protocol="1",
            key=f"case{case}",
            environment="e",
            format=name,
            device="gpu",
            cache="cold",
            threads=1,
            status="ok",
            median_us=found.value,
            ci_low_us=found.low,
            ci_high_us=found.high,
            samples=len(times),
        )
