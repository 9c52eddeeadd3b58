"""Results folders of one process start each, written as a run writes them, from given times."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from spmvbench.problems.base import Problem
from spmvbench.record import COLUMNS, Record
from spmvbench.table import cells, line

FORMATS = {"dense-f16": 400.0, "csr16": 200.0, "macko": 150.0}
DENSITIES = (0.1, 0.2, 0.3, 0.4)
HERE = {"device": "AMD EPYC", "libraries": {"numpy": "2.4"}, "commit": "a", "system": "Linux"}


def rows(factor=1.0, *, noise=0.0, seed=0, **changes):
    """Times of every format at every density; `noise`: sd of the logarithm, of this start."""
    rng = np.random.default_rng(seed)
    for density in DENSITIES:
        problem = Problem(1024, 4096, density)
        base = FORMATS["dense-f16"]
        for name, cost in FORMATS.items():
            us = cost * factor * float(np.exp(noise * rng.normal()))
            yield replace(row(problem, name, us, base / us), **changes)


def row(problem, name, us, speedup):
    return Record(
        experiment="sweep",
        protocol="2-abc",
        key=problem.key,
        environment="here",
        format=name,
        device="amd-2c",
        cache="cold",
        threads=2,
        status="ok",
        lossless=True,
        packed_bytes=1000,
        registers=32,
        local_bytes=0,
        max_error=0.01,
        median_us=us,
        ci_low_us=us * 0.998,
        ci_high_us=us * 1.002,
        baseline="dense-f16",
        speedup=1.0 if name == "dense-f16" else speedup,
        speedup_low=1.0 if name == "dense-f16" else speedup * 0.998,
        speedup_high=1.0 if name == "dense-f16" else speedup * 1.002,
    )


def write(folder, records, **environment):
    folder.mkdir(parents=True)
    text = line(COLUMNS) + b"".join(line(cells(record)) for record in records)
    (folder / "records.csv").write_bytes(text)
    (folder / "environment.json").write_text(json.dumps({"here": HERE | environment}))
    return folder


def starts(folder, number, factor=1.0, *, noise=0.003, seed=0, environment=None, **changes):
    """So many folders, each a process start of the same."""
    return [
        write(
            folder / str(i),
            rows(factor, noise=noise, seed=[seed, i], **changes),
            **(environment or {}),
        )
        for i in range(number)
    ]
