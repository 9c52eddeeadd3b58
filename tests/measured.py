"""Results folders as a run leaves them, without measuring: rows, samples, environment, dates."""

from dataclasses import replace

import numpy as np
import yaml

from spmvbench import dates, hashes
from spmvbench.problems.base import Problem
from spmvbench.record import Record
from spmvbench.records import EXPERIMENT, Results

ENVIRONMENT = {
    "device": "Some CPU",
    "spmvbench": "0.1.0",
    "commit": "0123456789ab",
    "source_hash": "aaaaaaaaaaaa",
    "libraries": {"numpy": "2.4.0"},
}

DATES = ("2026-03-30T23:50Z", "2026-03-31T08:15Z")

FORMATS = ("dense-f16", "macko")

PROBLEMS = (Problem(64, 64, 0.1, pattern="exact"), Problem(64, 64, 0.5, pattern="exact"))


def write(
    folder,
    problems=PROBLEMS,
    formats=FORMATS,
    *,
    seed=0,
    environment=ENVIRONMENT,
    when=DATES,
    suite=None,
    experiment="mine",
):
    """A folder with a row per problem and format; the first format is the baseline."""
    rng = np.random.default_rng(seed)
    name = hashes.of_json(environment)
    with Results(folder) as results:
        results.note_environment(name, environment)
        for problem in problems:
            timed = {f: rng.uniform(1, 2, 11).astype("<f4") for f in formats}
            read_gbps = float(rng.uniform(10, 20))
            for one in formats:
                row = _row(problem, one, timed, formats[0], read_gbps)
                row = replace(row, environment=name, experiment=experiment)
                results.append(row, timed[one].tobytes())
    if when:
        dates.save(folder, dates.read(folder) | {name: when})
    said = {"name": experiment, "formats": list(formats), **({"suite": suite} if suite else {})}
    (folder / EXPERIMENT).write_text(yaml.safe_dump(said))
    return folder


def _row(problem, name, timed, baseline, read_gbps):
    own, other = (timed[n].astype(float) for n in (name, baseline))
    median = float(np.median(own))
    return Record(
        protocol="1-abcdef01",
        key=problem.key,
        format=name,
        device="some-cpu-2c",
        rows=problem.rows,
        cols=problem.cols,
        density=problem.density,
        dtype=problem.dtype,
        pattern=problem.pattern,
        seed=problem.seed,
        cache="cold",
        threads=2,
        block=0,
        status="ok",
        packed_bytes=6000,
        dense_bytes=8192,
        effective_density=6000 / 8192,
        bytes_moved=6500,
        median_us=median,
        samples=len(own),
        gbps=6500 / median / 1000,
        read_gbps=read_gbps,
        bandwidth_share=6500 / median / 1000 / read_gbps,
        baseline=baseline,
        speedup=float(np.exp(np.median(np.log(other / own)))),
    )
