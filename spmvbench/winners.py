"""Which format is fastest on a set of problems, and whether the measurement can tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from spmvbench.curves import baselines

KINDS = ("sparse", "dense", "unclear", "alone")


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
    includes 1; `alone`: there is no dense to compare with. `tied`: formats of the same kind
    whose intervals overlap the winner's. `baseline`: the dense formats compared with.
    """

    kind: str
    best: Score
    tied: tuple[str, ...]
    baseline: tuple[str, ...]


def verdict(timed: pd.DataFrame) -> Verdict | None:
    """Of rows that may be compared: one set of problems, all formats. Lossy formats never win.

    None without a row.
    """
    rows = timed[timed["lossless"]]
    if rows.empty:
        return None
    named = tuple(baselines(rows))
    scores = _scores(rows)
    best = max(scores.values(), key=lambda s: (s.wins, np.nan_to_num(s.speedup), s.format))
    if not named or np.isnan(best.speedup):
        return Verdict("alone", best, (), ())
    return _judge(best, scores, named)


def _judge(best: Score, scores: Mapping[str, Score], named: tuple[str, ...]) -> Verdict:
    sparse = [s for s in scores.values() if not s.dense and s.speedup > 0]
    rival = max(sparse, key=lambda s: s.speedup, default=None)
    if best.dense:
        if rival and not rival.high < 1:
            return Verdict("unclear", rival, (), named)
        if best.format not in named and not best.low > 1:
            best = scores.get(named[0], best)
        return Verdict("dense", best, _tied(best, scores), named)
    if not best.low > 1:
        return Verdict("unclear", best, (), named)
    return Verdict("sparse", best, _tied(best, scores), named)


def _tied(best: Score, scores: Mapping[str, Score]) -> tuple[str, ...]:
    return tuple(
        s.format
        for s in scores.values()
        if s is not best and s.dense == best.dense and s.high >= best.low and s.low <= best.high
    )


def _scores(rows: pd.DataFrame) -> dict[str, Score]:
    fastest = [_fastest(own) for _, own in rows.groupby(["key"])]
    return {
        name: _score(own, wins=fastest.count(name), problems=len(fastest))
        for name, own in rows.groupby("format")
    }


def _fastest(rows: pd.DataFrame) -> str:
    """By speed-up where every row has one: paired, so drift between timing groups cancels."""
    paired = (rows["speedup"] > 0).all()
    place = rows["speedup"].idxmax() if paired else rows["median_us"].idxmin()
    return str(rows.loc[place, "format"])


def _score(rows: pd.DataFrame, *, wins: int, problems: int) -> Score:
    own = rows[rows["speedup"] > 0]
    log, low, high = (np.log(own[c]) for c in ("speedup", "speedup_low", "speedup_high"))
    mean, count = float(log.mean()), max(len(own), 1)
    # Errors of different problems are independent: they add in quadrature.
    below = float(np.sqrt(((log - low) ** 2).sum(skipna=False))) / count
    above = float(np.sqrt(((high - log) ** 2).sum(skipna=False))) / count
    return Score(
        str(rows["format"].iloc[0]),
        bool(rows["dense"].iloc[0]),
        wins,
        problems,
        float(np.exp(mean)),
        float(np.exp(mean - below)),
        float(np.exp(mean + above)),
        float(own["speedup"].min()),
        float(own["speedup"].max()),
        1 - float(rows["packed_bytes"].sum() / rows["dense_bytes"].sum()),
        float(rows["median_us"].median()),
    )
