"""The tables behind the words: winners by density, crossovers by format, rows without a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
import pandas as pd

from spmvbench.curves import Crossover, Part, crossover, curve, parts, shapes, text
from spmvbench.record import STATUSES
from spmvbench.winners import verdict

PER_SHAPE = 3
"""Up to as many shapes stand alone; more are summed up."""

DENSE_OF = {
    "float16": "dense-f16 (on CUDA dense-cublas)",
    "bfloat16": "dense-f16 (on CUDA dense-cublas)",
    "float32": "dense-numpy (on CUDA dense-cublas)",
}


def winners(records: pd.DataFrame, *, per_shape: int = PER_SHAPE) -> pd.DataFrame:
    """The fastest lossless format, dense ones included, by condition, density and shape.

    Columns: those of the condition, `density`, `shape`, `kind` (`sparse` or `dense` won, `unclear`,
    or `alone`: no dense row of the dtype), `baseline`, `tied`, `rival` (the `winners.Score` of
    the fastest sparse format where it is unclear, else None), and the fields of `winners.Score`.
    Above `per_shape` shapes `shape` is "" and a row sums all of them up: the format that wins most,
    its geometric mean. Raises: ResultsError without any row.
    """
    found = [row for part in parts(records) for row in _winners(part, per_shape)]
    return pd.DataFrame(found)


def of_part(part: Part, *, per_shape: int = PER_SHAPE) -> pd.DataFrame:
    """`winners` of one part."""
    return pd.DataFrame(list(_winners(part, per_shape)))


def _winners(part: Part, per_shape: int) -> Iterator[dict[str, object]]:
    names = shapes(part.timed)
    for name, rows in _split(part.timed, names, per_shape):
        for density, own in rows.groupby("density"):
            found = verdict(own)
            if found:
                what = {"density": float(density), "shape": name, "kind": found.kind}
                what |= {"baseline": found.baseline, "tied": found.tied}
                what |= {"rival": found.best if found.kind == "unclear" else None}
                yield asdict(part.condition) | what | asdict(found.lead or found.best)


def _split(
    rows: pd.DataFrame, names: list[str], per_shape: int
) -> Iterator[tuple[str, pd.DataFrame]]:
    if len(names) > per_shape:
        yield "", rows
    else:
        yield from ((name, rows[rows["shape"] == name]) for name in names)


def crossovers(records: pd.DataFrame, *, per_shape: int = PER_SHAPE) -> pd.DataFrame:
    """The density at which each sparse format stops being faster than the fastest dense.

    Columns: those of the condition, `shape` ("": median over all), `format`, the fields of
    `curves.Crossover`, `low` and `high` (the same of the ends of the interval, NaN where these
    cross outside what was measured), `text` (see `crossing_text`). Interpolated between densities.
    """
    found = [row for part in parts(records) for row in _crossovers(part, per_shape)]
    return pd.DataFrame(found)


def crossovers_of(part: Part, *, per_shape: int = PER_SHAPE) -> pd.DataFrame:
    """`crossovers` of one part."""
    return pd.DataFrame(list(_crossovers(part, per_shape)))


def _crossovers(part: Part, per_shape: int) -> Iterator[dict[str, object]]:
    rows = part.timed[(part.timed["speedup"] > 0) & ~part.timed["stored"]]
    for shape, own in _split(rows, shapes(rows), per_shape):
        for name, sparse in own[~own["dense"]].groupby("format"):
            c = curve(sparse, "speedup", own)
            lowest = float(c.x[np.isfinite(c.value)][0])
            main = crossover(c.x, c.value)
            low, high = (crossover(c.x, side).density for side in (c.low, c.high))
            what = {"shape": shape, "format": name, **asdict(main), "low": low, "high": high}
            what["text"] = crossing_text(main, lowest, low, high)
            yield asdict(part.condition) | what


def crossing_text(found: Crossover, lowest: float, low: float, high: float) -> str:
    """What stands under `faster below density`: `0.47 (0.45-0.49)`, or what else there is to say.

    `lowest`: the lowest density measured; `low`, `high`: the interval, NaN where it is open.
    """
    if found.kind in ("always", "never"):
        return "at every one measured" if found.kind == "always" else "at none measured"
    places = ", ".join(f"{d:.2f}" for d in found.crossings)
    if found.kind == "above":
        return f"not below but above {places}"
    if not found.density > 0:
        return f"not at {lowest:g}; noisy, crosses at {places}"
    interval = f" ({low:.2f}-{high:.2f})" if low <= high else ""
    again = f"; noisy, crosses at {places}" if found.kind == "several" else ""
    return f"{found.density:.2f}{interval}{again}"


def leftovers(records: pd.DataFrame) -> list[str]:
    """Rows without a time: `2 unavailable: csr-mkl: mkl is not installed`."""
    lines = []
    for status in (s for s in STATUSES if s not in ("ok", "unverified")):
        own = records[records["status"] == status]
        for name, rows in own.groupby("format"):
            reasons = list(dict.fromkeys(text(rows["reason"])))
            more = f" (and {len(reasons) - 1} more reasons)" if len(reasons) > 1 else ""
            lines.append(f"{len(rows)} {status}: {name}: {reasons[0] or 'no reason given'}{more}")
    return lines


def missing_dense(part: Part) -> str:
    """Why a part has no speed-ups and what to do; "" when it has some or nothing was timed."""
    if part.timed.empty or part.timed["speedup"].notna().any():
        return ""
    dtype = part.condition.dtype
    failed = part.others[part.others["dense"] & (part.others["value_dtype"] == dtype)]
    if len(failed):
        row = failed.iloc[0]
        return f"no speed-ups: {row['format']} is {row['status']}: {row['reason']}"
    add = DENSE_OF.get(dtype, f"a dense format of {dtype}")
    return f"no speed-ups: no dense row of {dtype}; add {add} to the formats"
