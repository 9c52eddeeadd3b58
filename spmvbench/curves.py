"""Records cut into parts that may be compared, and one quantity of a format against density."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from spmvbench import hashes
from spmvbench.errors import ResultsError

Floats = npt.NDArray[np.float64]

CONDITION = ("experiment", "device", "dtype", "pattern", "source", "batch", "cache", "threads")


@dataclass(frozen=True)
class Condition:
    """What all rows of a part have in common. `batch` None: the part goes over batches."""

    experiment: str
    device: str
    dtype: str
    pattern: str
    source: str
    batch: int | None
    cache: str
    threads: int

    @property
    def words(self) -> list[str]:
        """For a subtitle: device first, then what was asked of it."""
        found = [self.device, self.dtype, self.pattern, PurePath(self.source).name]
        found += [f"batch {self.batch}" if self.batch else "", self.cache and f"{self.cache} cache"]
        found += [f"{self.threads} thread{'s' * (self.threads != 1)}" if self.threads else ""]
        return [word for word in found if word]

    @property
    def slug(self) -> str:
        """For a file name: all but experiment and device, which name the folder."""
        mark = hashlib.sha256(self.source.encode()).hexdigest()[:4]
        source = f"{PurePath(self.source).stem}-{mark}" if self.source else ""
        words = [self.dtype, self.pattern, source, f"b{self.batch}" if self.batch else ""]
        words += [self.cache, f"{self.threads}t" if self.threads else ""]
        return "_".join(re.sub(r"[^A-Za-z0-9.-]+", "-", word) for word in words if word)


@dataclass(frozen=True)
class Part:
    """Rows that share a condition: `timed` may be compared, `others` have a status but no time.

    `claimed`: times that programs say of themselves, which may not be.
    """

    condition: Condition
    timed: pd.DataFrame
    others: pd.DataFrame
    claimed: pd.DataFrame = field(default_factory=pd.DataFrame)


def parts(records: pd.DataFrame, *, over: str | None = None) -> Iterator[Part]:
    """One part per condition, in order; with `over="batch"` a part goes over all batches.

    `timed` has three more columns: `shape` ("rows x cols"), `problem` (one matrix across densities)
    and `stored` (density as found in a file, not asked for). Raises: ResultsError without any row.
    """
    if records.empty:
        raise ResultsError("results: there are no rows; measure with 'spmvbench run' first")
    rows = filled(records)
    common = [name for name in CONDITION if name != over]
    for values, own in rows.groupby(common, sort=True):
        condition = Condition(**{"batch": None, **dict(zip(common, values, strict=True))})
        timed = own["status"].eq("ok") & (own["median_us"] > 0) & own["density"].notna()
        claimed = own["status"].eq("unverified")
        others = ~own["status"].eq("ok") & ~claimed
        claimed &= own["median_us"] > 0
        yield Part(condition, own[timed], own[others], own[claimed])


def as_one_place(
    records: pd.DataFrame, environments: Mapping[str, Mapping[str, Any]]
) -> pd.DataFrame:
    """The rows with one `environment` for those that differ only in what formats from outside are.

    But not where rows of one such format are of several versions of it. `environments`: what the
    rows' hashes stand for.
    """
    place: dict[str, str] = {}
    stamps: dict[str, set[str]] = {}
    for name, entry in environments.items():
        outside = dict(entry.get("outside", {}))
        formats = {n: s for n, s in outside.items() if ":" in n and not n.startswith("package:")}
        rest = {n: s for n, s in outside.items() if n not in formats}
        place[name] = hashes.of_json({**entry, "outside": rest})
        measured = set(records.loc[records["environment"] == name, "format"])
        for own in measured & formats.keys():
            stamps.setdefault(own, set()).add(formats[own])
    if any(len(versions) > 1 for versions in stamps.values()):
        return records
    return records.assign(environment=[place.get(str(e), e) for e in records["environment"]])


def text(column: pd.Series) -> pd.Series:
    """A column as text, empty cells as ""."""
    return column.astype(object).where(column.notna(), "").astype(str)


def filled(records: pd.DataFrame) -> pd.DataFrame:
    """Empty text as "", empty counts as 0, and the columns that `parts` promises.

    Also the interval of `bandwidth_share`: bytes are exact, so it is that of the time.
    """
    rows = records.copy()
    for name in ("threads", "batch", "rows", "cols", "seed"):
        rows[name] = rows[name].fillna(0).astype(int)
    for name in (*CONDITION, "tensor", "baseline", "reason", "key", "value_dtype", "layout"):
        if name not in ("threads", "batch"):
            rows[name] = text(rows[name])
    for name, default in (("lossless", True), ("dense", False)):
        rows[name] = rows[name].astype(object).where(rows[name].notna(), default).astype(bool)
    rows["density"] = rows["density"].astype(float).round(6)
    rows["shape"] = [f"{r} x {c}" for r, c in zip(rows["rows"], rows["cols"], strict=True)]
    tensor = rows["tensor"].where(rows["source"] != "", "")
    rows["problem"] = rows["shape"] + "/" + rows["seed"].astype(str) + "/" + tensor
    rows["stored"] = rows["key"].str.contains("/dstored/", regex=False)
    itself = (rows["format"] == rows["baseline"]) & (rows["status"] == "ok")
    for end, time in (("share_low", "ci_high_us"), ("share_high", "ci_low_us")):
        rows[end] = rows["bandwidth_share"] * rows["median_us"] / rows[time]
    rows.loc[itself, ["speedup", "speedup_low", "speedup_high"]] = 1.0
    return rows


def tail(name: str) -> str:
    """A format's name without its folder: `file.py:Class`, `library.so`, `namespace::operator`."""
    operator = re.fullmatch(r"torch-op:.*?(\w+::[\w.]+)", name)
    found = operator or re.fullmatch(r"(?:plugin:(?:.*/)?|.*/(?=[^/]+\.py:))([^/]+)", name)
    return found[1] if found else name


def shapes(rows: pd.DataFrame) -> list[str]:
    """The shapes, smallest matrix first."""
    found = rows[["shape", "rows", "cols"]].drop_duplicates()
    found = found.assign(size=found["rows"] * found["cols"])
    return list(found.sort_values(["size", "rows"])["shape"])


def baselines(rows: pd.DataFrame) -> list[str]:
    """The dense formats that speed-ups of these rows are over, the most frequent first."""
    count = Counter(map(str, rows["baseline"]))  # value_counts takes ten times as long
    return [name for name, _ in count.most_common() if name]


def against(rows: pd.DataFrame) -> str:
    """What speed-ups of these rows are over, in words; "" where they are over nothing.

    A name with 16 bits in it does not say that it stores float32 where the weights are such.
    """
    names = baselines(rows)
    if len(names) != 1:
        return "the fastest dense" if names else ""
    wide = names[0] == "dense-f16" and set(rows["dtype"]) == {"float32"}
    return f"{tail(names[0])} in float32" if wide else tail(names[0])


@dataclass(frozen=True)
class Curve:
    """One quantity against x. NaN where nothing was measured.

    Of one problem: its value and the 95 % interval. Of several: median, smallest, largest.
    `complete` is False where some problems of the part have no value.
    """

    x: Floats
    value: Floats
    low: Floats
    high: Floats
    complete: npt.NDArray[np.bool_]


def curve(rows: pd.DataFrame, name: str, within: pd.DataFrame, *, by: str = "density") -> Curve:
    """Quantity `name` of the rows of one format, at every x that `within` has."""
    x = np.sort(within[by].unique()).astype(np.float64)
    valid = rows[rows[name].notna()]
    grouped = valid.groupby(by)[name]
    low, high = _bounds(valid, name, by)
    asked = within.groupby(by)["problem"].nunique().reindex(x)
    have = valid.groupby(by)["problem"].nunique().reindex(x).fillna(0)
    value, low, high = (s.reindex(x).to_numpy(np.float64) for s in (grouped.median(), low, high))
    return Curve(x, value, low, high, (have == asked).to_numpy(bool))


INTERVALS = {
    "speedup": ("speedup_low", "speedup_high"),
    "median_us": ("ci_low_us", "ci_high_us"),
    "bandwidth_share": ("share_low", "share_high"),
}


def _bounds(valid: pd.DataFrame, name: str, by: str) -> tuple[pd.Series, pd.Series]:
    grouped = valid.groupby(by)
    low, high = grouped[name].min(), grouped[name].max()
    if name in INTERVALS:
        alone = grouped[name].count() == 1
        low_name, high_name = INTERVALS[name]
        low = low.where(~alone, grouped[low_name].min())
        high = high.where(~alone, grouped[high_name].max())
    return low, high


@dataclass(frozen=True)
class Crossover:
    """Where a curve of speed-ups is above 1.

    `kind`: `always`, `never`, `below` or `above` one density, `several` crossings, or `unknown`.
    `density`: the largest from which the curve stays above 1 all the way down; NaN if there is none
    within the measured densities. `crossings`: every density where the curve crosses 1.
    """

    kind: str
    density: float
    crossings: tuple[float, ...]


def crossover(density: Sequence[float] | Floats, speedup: Sequence[float] | Floats) -> Crossover:
    """Crossings of 1, the logarithm of the speed-up being interpolated linearly in density."""
    d, s = np.asarray(density, np.float64), np.asarray(speedup, np.float64)
    d, s = d[(s > 0) & np.isfinite(s)], s[(s > 0) & np.isfinite(s)]
    if not d.size:
        return Crossover("unknown", float("nan"), ())
    order = np.argsort(d)
    d, log = d[order], np.log(s[order])
    above = log > 0
    at = np.flatnonzero(above[1:] != above[:-1])
    found = tuple(float(v) for v in d[at] - log[at] * (d[at + 1] - d[at]) / (log[at + 1] - log[at]))
    first = found[0] if found and above[0] else float("nan")
    if not found:
        return Crossover("always" if above[0] else "never", first, found)
    if len(found) > 1:
        return Crossover("several", first, found)
    return Crossover("below" if above[0] else "above", first, found)
