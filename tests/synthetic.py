"""Records as `spmvbench.records.load` would give them, from a model of a machine instead of one."""

import io

import numpy as np
import pandas as pd

from spmvbench import theory
from spmvbench.problems.base import Problem
from spmvbench.record import COLUMNS, Record

DENSITIES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
SHAPES = ((4096, 4096), (4096, 11008), (11008, 4096))

# Nanoseconds a stored byte, a stored value and a column of a row cost, whichever is most.
CPU = {
    "macko": (1 / 33, 0.055, 0.0),
    "bitmap": (1 / 33, 0.0, 0.022),
    "csr16": (1 / 30, 0.12, 0.0),
    "dense-f16": (1 / 32, 0.0, 0.0),
    "dense-numpy": (1 / 34, 0.0, 0.0),
    "csr-scipy": (1 / 34, 0.85, 0.0),
    "csr-mkl": (1 / 29, 0.0, 0.0),
    "dense-torch": (1 / 25, 0.0, 0.0),
}
GPU = {
    "macko": (1 / 2900, 0.0, 0.00016),
    "bitmap": (1 / 3300, 0.0, 0.00024),
    "slab4": (1 / 3900, 0.0, 0.00010),
    "macko-fast": (1 / 3700, 0.0, 0.00012),
    "dense-cublas": (1 / 3800, 0.0, 0.0),
    "dense-gemv": (1 / 3900, 0.0, 0.0),
    "dense-int8": (1 / 3700, 0.0, 0.0),
    "csr-cusparse-spmv": (1 / 3300, 0.0007, 0.0),
    "csr-cusparse-spmm": (1 / 1500, 0.0012, 0.0),
}
STORES_FLOAT32 = ("dense-numpy", "csr-scipy", "csr-mkl")
LOSSY = ("dense-int8", "dense-int4")
DENSE = ("dense-f16", "dense-numpy", "dense-torch", "dense-cublas", "dense-gemv", *LOSSY)


def effective_density(name, problem):
    """Of `name` in units of the problem's dtype, from the formulas."""
    bits, size = {"cols": problem.cols}, 2 if name in STORES_FLOAT32 else 1
    if name in DENSE:
        return {"dense-int8": 0.5, "dense-int4": 0.27}.get(name, float(size))
    if name in STORES_FLOAT32 or name.startswith("csr-cusparse"):
        return size * float(theory.csr32(problem.density, value_bits=16 * size, **bits))
    known = {"bitmap": theory.bitmap, "slab4": theory.bitmap, "csr16": theory.csr16}
    return float(known.get(name, theory.macko)(problem.density, **bits))


def time_us(name, problem, packed_bytes, machine):
    """What the model takes: the slowest of moving, decoding and walking, and a constant."""
    per_byte, per_value, per_column = machine.get(name, (1 / 20, 0.2, 0.0))
    elements, overhead = problem.elements, 3.0 if machine is GPU else 8.0
    decoding = max(elements * problem.density * per_value, elements * per_column)
    per_batch = max(packed_bytes * per_byte, decoding * problem.batch)
    return overhead + per_batch / 1000


def value_dtype(name, problem):
    """The type the format stores values in."""
    if name in STORES_FLOAT32:
        return "float32"
    return name.removeprefix("dense-") if name in LOSSY else problem.dtype


def record(name, problem, *, machine, baseline_us, noise, rng, cache, threads):
    """One row that is ok; `noise` is the half-width of its interval, and its error, as a share."""
    dense_bytes = problem.elements * 2
    packed = int(effective_density(name, problem) * dense_bytes)
    true = time_us(name, problem, packed, machine)
    us = true * float(np.exp(noise * rng.normal() / 2))
    read = 34.5 if machine is CPU else 4000.0
    moved = packed + 4 * problem.batch * (problem.rows + problem.cols)
    speedup = None if baseline_us is None else baseline_us / us
    spread = (None, None) if speedup is None else (speedup * (1 - noise), speedup * (1 + noise))
    return Record(
        experiment="sparsity_sweep",
        device="amd-epyc-9b14-2c" if machine is CPU else "nvidia-h200",
        key=problem.key,
        format=name,
        rows=problem.rows,
        cols=problem.cols,
        density=problem.density,
        dtype=problem.dtype,
        value_dtype=value_dtype(name, problem),
        lossless=name not in LOSSY,
        dense=name in DENSE,
        pattern=problem.pattern,
        batch=problem.batch,
        seed=problem.seed,
        source=problem.source or "",
        cache=cache,
        threads=threads,
        status="ok",
        packed_bytes=packed,
        dense_bytes=dense_bytes,
        effective_density=packed / dense_bytes,
        bytes_moved=moved,
        median_us=us,
        ci_low_us=us * (1 - noise),
        ci_high_us=us * (1 + noise),
        samples=40,
        gbps=moved / us / 1000,
        read_gbps=read,
        bandwidth_share=moved / us / 1000 / read,
        speedup=speedup,
        speedup_low=spread[0],
        speedup_high=spread[1],
    )


def rows_of(problem, formats, *, machine=CPU, noise=0.02, rng=None, cache="cold", threads=2):
    """All formats of one problem, each with its speed-up over the fastest dense of the dtype."""
    rng = rng or np.random.default_rng(0)
    common = {"machine": machine, "noise": noise, "rng": rng, "cache": cache, "threads": threads}
    bare = [record(name, problem, baseline_us=None, **common) for name in formats]
    rivals = [r for r in bare if r.dense and r.lossless and r.value_dtype == r.dtype]
    if not rivals:
        return [vars(r) for r in bare]
    best = min(rivals, key=lambda r: r.median_us)
    found = []
    for r in bare:
        ratio = best.median_us / r.median_us
        spread = noise * (0.5 if r is not best else 0)
        found.append(
            vars(r)
            | {
                "baseline": best.format,
                "speedup": ratio,
                "speedup_low": ratio * (1 - spread),
                "speedup_high": ratio * (1 + spread),
            }
        )
    return found


def frame(rows):
    """The rows as they come back from a CSV file: typed by pandas, empty cells NaN."""
    text = pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(index=False)
    return pd.read_csv(io.StringIO(text))


def records(
    shapes=SHAPES, densities=DENSITIES, formats=tuple(CPU), *, machine=CPU, seed=1, **problem
):
    """A sweep: shapes x densities x formats. Further keywords go to `Problem` or to `rows_of`."""
    rng = np.random.default_rng(seed)
    measured = {k: problem.pop(k) for k in ("noise", "cache", "threads") if k in problem}
    rows = []
    for size in shapes:
        for density in densities:
            case = Problem(*size, density, **problem)
            rows += rows_of(case, formats, machine=machine, rng=rng, **measured)
    return frame(rows)


TIMES = [c for c in COLUMNS if c.endswith("_us") or c.startswith(("speedup", "gbps", "bandwidth"))]


def fail(records, where, status, reason):
    """The same records, those of the mask `where` without times and with that status."""
    found = records.copy()
    found["reason"] = found["reason"].astype(object)
    found.loc[where, TIMES] = np.nan
    found.loc[where, ["status", "reason"]] = [status, reason]
    return found


def by_hand(speedups, *, densities=None, **columns):
    """Records with given speed-ups: {format: [one per density]}; 1 % intervals; dense-f16 is 1.0.

    A value may be (value, low, high). None: no such row.
    """
    count = len(next(iter(speedups.values())))
    densities = densities or [round(0.1 * (i + 1), 1) for i in range(count)]
    rows = []
    for i, density in enumerate(densities):
        case = Problem(1000, 1000, density)
        everything = {"dense-f16": [1.0] * count} | speedups
        base = {r["format"]: r for r in rows_of(case, list(everything), noise=0.0)}
        for name, values in everything.items():
            if values[i] is None:
                continue
            value, low, high = _triple(values[i])
            changed = {"speedup": value, "speedup_low": low, "speedup_high": high}
            changed |= {
                "median_us": 100 / value,
                "ci_low_us": 99 / value,
                "ci_high_us": 101 / value,
            }
            rows.append(base[name] | {"baseline": "dense-f16"} | changed | columns)
    return frame(rows)


def _triple(value):
    return value if isinstance(value, tuple) else (value, value * 0.99, value * 1.01)
