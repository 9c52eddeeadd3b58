"""Which format is fastest on a set of problems, and whether the measurement can tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Table = Mapping[str, npt.NDArray[Any]]

INTERVAL = ("speedup", "speedup_low", "speedup_high")
COLUMNS = (
    *("key", "format", "dense", "lossless", "layout", "baseline", "median_us"),
    *("packed_bytes", "dense_bytes", *INTERVAL),
)


@dataclass(frozen=True)
class Score:
    """A format over some problems: geometric mean of its speed-ups over the fastest dense.

    `low`, `high`: the 95 % interval of that mean; of one problem, the interval of its row.
    `least`, `most`: the extremes over the problems. NaN where there is no dense to compare with.
    `wins`: on how many of the `problems` no other lossless format was faster.
    `saved`: share of dense bytes not needed; negative when it needs more.
    """

    format: str
    dense: bool
    wins: int
    problems: int
    speedup: float
    low: float
    high: float
    least: float
    most: float
    saved: float
    time_us: float


@dataclass(frozen=True)
class Verdict:
    """The winner of some problems.

    `kind`: `sparse` or `dense` won; `unclear`: the interval of the fastest sparse format, `best`,
    includes 1; `alone`: there is no dense to compare with. `tied`: formats whose intervals
    overlap the winner's. `baseline`: the dense formats compared with. `lead`: dense, where it is
    unclear but dense has the better median.
    """

    kind: str
    best: Score
    tied: tuple[str, ...]
    baseline: tuple[str, ...]
    lead: Score | None = None


def verdict(timed: pd.DataFrame) -> Verdict | None:
    """Of rows that may be compared: one set of problems, all formats. Lossy formats never win.

    Nor does `auto`: it is one of the others, and noise alone says which of the two was faster.
    None without a row.
    """
    return _verdict(_table(timed))


def verdicts(timed: pd.DataFrame, by: list[str]) -> dict[Any, Verdict | None]:
    """The same for each group of rows that agree in the columns `by`."""
    # Arrays, not frames: a map of 31 shapes and 11 densities asks 341 times.
    table = _table(timed)
    return {
        place: _verdict({name: values[own] for name, values in table.items()})
        for place, own in timed.groupby(by).indices.items()
    }


def _table(timed: pd.DataFrame) -> Table:
    return {name: timed[name].to_numpy() for name in COLUMNS}


def _verdict(rows: Table) -> Verdict | None:
    counts = rows["lossless"].astype(bool) & (rows["layout"] == "")
    table = {name: values[counts] for name, values in rows.items()}
    if not counts.any():
        return None
    named = tuple(_baselines(table))
    scores = _scores(table)
    best = max(scores.values(), key=lambda s: (s.wins, np.nan_to_num(s.speedup), s.format))
    if not named or np.isnan(best.speedup):
        return Verdict("alone", best, (), ())
    return _judge(best, scores, named)


def _judge(best: Score, scores: Mapping[str, Score], named: tuple[str, ...]) -> Verdict:
    if not best.dense:
        if best.low > 1:
            return Verdict("sparse", best, _tied(best, scores), named)
        return _unclear(best, scores, named)
    if best.format not in named and not best.low > 1:
        best = scores.get(named[0], best)
    sparse = [s for s in scores.values() if not s.dense and s.speedup > 0]
    rival = max(sparse, key=lambda s: s.speedup, default=None)
    if best.format in named and rival and not rival.high < 1:
        return _unclear(rival, scores, named)
    return Verdict("dense", best, _tied(best, scores), named)


def _unclear(rival: Score, scores: Mapping[str, Score], named: tuple[str, ...]) -> Verdict:
    lead = None if rival.speedup >= 1 else scores.get(named[0])
    return Verdict("unclear", rival, (), named, lead)


def _tied(best: Score, scores: Mapping[str, Score]) -> tuple[str, ...]:
    return tuple(
        s.format
        for s in scores.values()
        if s is not best and s.high >= best.low and s.low <= best.high
    )


def _baselines(table: Table) -> list[str]:
    """The dense formats that speed-ups are over, the most frequent first."""
    return [str(name) for name, _ in Counter(table["baseline"]).most_common() if name]


def _scores(table: Table) -> dict[str, Score]:
    fastest = _fastest(table)
    return {
        str(name): _score(
            {key: values[table["format"] == name] for key, values in table.items()},
            wins=fastest.count(name),
            problems=len(fastest),
        )
        for name in dict.fromkeys(table["format"])
    }


def _fastest(table: Table) -> list[str]:
    """The winner of each problem; by speed-up where every row has one.

    Speed-ups are paired, so drift between timing groups cancels in them.
    """
    found = []
    for key in dict.fromkeys(table["key"]):
        own = np.flatnonzero(table["key"] == key)
        speedups = table["speedup"][own]
        paired = bool((speedups > 0).all())
        best = np.argmax(speedups) if paired else np.argmin(table["median_us"][own])
        found.append(str(table["format"][own[best]]))
    return found


def _score(own: Table, *, wins: int, problems: int) -> Score:
    valid = own["speedup"] > 0
    log, low, high = (np.log(own[name][valid].astype(float)) for name in INTERVAL)
    count = len(log)
    mean = float(log.mean()) if count else float("nan")
    # Errors of different problems are independent: they add in quadrature.
    below, above = (float(np.sqrt((d**2).sum())) / max(count, 1) for d in (log - low, high - log))
    packed, dense = (float(own[name].sum()) for name in ("packed_bytes", "dense_bytes"))
    return Score(
        str(own["format"][0]),
        bool(own["dense"][0]),
        wins,
        problems,
        float(np.exp(mean)),
        float(np.exp(mean - below)),
        float(np.exp(mean + above)),
        float(np.exp(log.min())) if count else float("nan"),
        float(np.exp(log.max())) if count else float("nan"),
        1 - packed / dense if dense > 0 else float("nan"),
        float(np.median(own["median_us"])),
    )
