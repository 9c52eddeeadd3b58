"""Launches on a fake clock: rows as a run writes them, of samples whose truth is known.

A time is the product of what is true of its case, of the launch (where memory happened to lie), of
the machine at that moment (it drifts, something else runs now and then), and of noise. The rows go
through the files, the comparison and the gate as those of a real run do.

As a program it prints the table of docs/gate.md.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spmvbench.compare import Comparison, Options, compare, read_side
from spmvbench.gate.session import judge
from spmvbench.record import COLUMNS, Record
from spmvbench.stats import median
from spmvbench.table import cells, line

FORMATS = ("macko", "bitmap", "csr16", "dense-cublas")
CASES, SAMPLES = 200, 40
GAP_S, SAMPLE_S = 1.0, 1e-3
"""Seconds before a launch's first sample, and from sample to sample."""

LAUNCH_S = GAP_S + CASES * SAMPLES * SAMPLE_S
SESSION_S = 20 * LAUNCH_S
"""As in the gate's default budget: 180 s for two times 10 launches."""

BURST = 10
"""Samples that a burst lasts; they take a third longer."""


@dataclass(frozen=True)
class Machine:
    """What it does to times. `noise` and `launch_effect` are standard deviations, as shares.

    `drift`: by how much all has become slower at the end of a session; `step`: by how much all is
    slower after 6 launches; `bursts`: how many per second.
    """

    noise: float = 0.004
    launch_effect: float = 0.005
    drift: float = 0.0
    step: float = 0.0
    bursts: float = 0.0


class Simulation:
    """One session on a machine. Every second case of the new side takes `planted` longer."""

    def __init__(self, machine: Machine, planted: float, seed: int) -> None:
        self.now_s = 0.0
        self._machine, self._planted = machine, planted
        self._random = np.random.default_rng(seed)
        self._base_us = np.exp(self._random.uniform(np.log(20), np.log(500), CASES))

    def clock(self) -> float:
        """Seconds since the session began."""
        return self.now_s

    def launch(self, side: str, out: Path, only: Sequence[str] = ()) -> None:
        """One process start: a row per case, in a results folder below `out`."""
        self.now_s += GAP_S
        rows = []
        for case in range(CASES):
            name = FORMATS[case // 2 % len(FORMATS)]
            if not only or name in only:
                slower = 1 + self._planted * (side == "new" and is_planted(f"case{case}"))
                rows.append(_row(case, name, self._samples(self._base_us[case] * slower)))
        folder = out / "simulated" / "gpu"
        folder.mkdir(parents=True)
        text = b"".join([line(COLUMNS), *(line(cells(row)) for row in rows)])
        (folder / "records.csv").write_bytes(text)
        (folder / "environment.json").write_text(json.dumps({"e": {"device": "GPU"}}))

    def _samples(self, truth_us: float) -> np.ndarray:
        machine, random = self._machine, self._random
        moments_s = self.now_s + SAMPLE_S * np.arange(SAMPLES)
        self.now_s += SAMPLE_S * SAMPLES
        times = truth_us * np.exp(random.normal(0, machine.noise, SAMPLES))
        times *= np.exp(random.normal(0, machine.launch_effect))
        times *= 1 + machine.drift * moments_s / SESSION_S
        times[moments_s > 6 * LAUNCH_S] *= 1 + machine.step
        for _ in range(random.poisson(machine.bursts * SAMPLE_S * SAMPLES)):
            start = random.integers(SAMPLES)
            times[start : start + BURST] *= 4 / 3
        return times


def is_planted(key: str) -> bool:
    """Whether the new side takes longer for that case."""
    return int(key.removeprefix("case")) % 2 == 0


def _row(case: int, name: str, times: np.ndarray) -> Record:
    found = median(times)
    return Record(
        experiment="simulated",
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


def in_order(sides: str) -> Callable[[Simulation, Path], Comparison]:
    """One comparison of launches in that order, `a` being base: no confirmation."""

    def measured(simulation: Simulation, folder: Path) -> Comparison:
        names = {"a": "base", "b": "new"}
        for number, side in enumerate(sides):
            simulation.launch(names[side], folder / names[side] / str(number))
        return compare(*(read_side([folder / name]) for name in names.values()), Options())

    return measured


def gated(simulation: Simulation, folder: Path) -> Comparison:
    """The gate's own verdict within its default budget."""
    return judge(
        simulation.launch,
        folder,
        SESSION_S,
        Options(),
        clock=simulation.clock,
        say=lambda line: None,
    )


@dataclass(frozen=True)
class Found:
    """Shares of the cases: called slower that were, that were not; failed that were."""

    slower: float
    alarms: float
    failed: float


def found(
    measured: Callable[[Simulation, Path], Comparison],
    machine: Machine,
    planted: float,
    seeds: Sequence[int],
) -> Found:
    """What a way of measuring finds on a machine, over several sessions."""
    lines = []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            lines += measured(Simulation(machine, planted, seed), Path(folder)).lines
    true = [x for x in lines if planted and is_planted(x.key)]
    rest = [x for x in lines if x not in true]
    return Found(
        _share([x.verdict == "slower" for x in true]),
        _share([x.verdict == "slower" for x in rest]),
        _share([x.worse for x in true]),
    )


def _share(claims: Sequence[bool]) -> float:
    return sum(claims) / len(claims) if claims else 0.0


MACHINES = {
    "quiet": Machine(),
    "1 % slower at the end": Machine(drift=0.01),
    "5 % slower at the end": Machine(drift=0.05),
    "3 % slower after 6 launches": Machine(step=0.03),
    "every tenth row hit by a burst": Machine(bursts=2.5),
}
WAYS = {
    "6 A, then 6 B": in_order("aaaaaabbbbbb"),
    "A B B A A ...": in_order("abba" * 3),
    "gate": gated,
}


def main() -> None:
    """Print the table: false alarms without a change, then what is found of changes."""
    seeds = range(int(sys.argv[1]))
    for title, planted, read in (
        ("false alarms", 0.0, lambda f: f.alarms),
        ("2 % found", 0.02, lambda f: f.slower),
        ("5 % found", 0.05, lambda f: f.slower),
        ("5 % failed", 0.05, lambda f: f.failed),
    ):
        print(f"| {title} | {' | '.join(WAYS)} |")
        for name, machine in MACHINES.items():
            shares = [read(found(way, machine, planted, seeds)) for way in WAYS.values()]
            print(
                f"| {name} | " + " | ".join(f"{100 * s:.1f} %" for s in shares) + " |", flush=True
            )


if __name__ == "__main__":
    main()
