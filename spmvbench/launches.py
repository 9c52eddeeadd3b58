"""Several launches of one case made into one row per format: a process start is chance as well."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from spmvbench.assemble import against, is_rival
from spmvbench.case import Case
from spmvbench.record import Record
from spmvbench.stats import Interval, over_launches

Launch = Mapping[str, tuple[Record, bytes]]
"""What one process start gave: the record and the samples (float32) of each format."""

MIDDLE = (
    *("overhead_us", "floor_us", "pack_s", "upload_s", "plan_s", "first_call_us"),
    *("read_gbps", "clock_mhz", "power_w"),
)
LARGEST = (
    *("packed_bytes", "effective_density", "bytes_moved", "working_set_bytes"),
    *("max_error", "distance", "temperature_c", "registers", "local_bytes"),
)
SUMMED = ("samples", "effective_samples")

STOPS = ("precise", "stalled", "budget")
"""Why sampling ended, the least precise last."""


def repeated(
    case: Case, launches: int, measure: Callable[[Case], Launch]
) -> list[tuple[Record, bytes]]:
    """What `measure` says of the case, asked that often, as one record per format of the case.

    A format that is not right is not asked again. Anchors are measured like the others, so that
    the baseline is the same in every launch, and leave no record.
    """
    left = replace(case, formats=(*case.formats, *case.anchors), anchors=())
    taken: list[Launch] = []
    while left.formats and len(taken) < launches:
        taken.append(measure(left))
        right = tuple(n for n in left.formats if taken[-1][n][0].status == "ok")
        left = replace(left, formats=right)
    return [(r, samples) for r, samples in joined(taken) if r.format in case.formats]


def joined(launches: Sequence[Launch]) -> list[tuple[Record, bytes]]:
    """One record per format of the first launch, with the samples of all, one launch after another.

    A format that is not right in one of them has no time. `median_us` is the median of the
    launches' medians, `speedup` of their speed-ups, both with the interval over launches;
    results/README.md says what the other columns are.
    """
    rows = {name: [one[name] for one in launches if name in one] for name in launches[0]}
    records = {name: [record for record, _ in own] for name, own in rows.items()}
    found = {name: _joined(own) for name, own in records.items()}
    rivals = [record for record in found.values() if record.status == "ok" and is_rival(record)]
    if rivals:
        best = min(rivals, key=lambda r: r.median_us or np.inf)
        beside = records[best.format]
        found = {name: _compared(r, records[name], best, beside) for name, r in found.items()}
    return [_with_samples(record, rows[name]) for name, record in found.items()]


def _with_samples(record: Record, rows: Sequence[tuple[Record, bytes]]) -> tuple[Record, bytes]:
    if record.status != "ok":
        return record, rows[-1][1]
    samples = b"".join(own for _, own in rows)
    p05, p95 = np.percentile(np.frombuffer(samples, "<f4").astype(float), [5, 95])
    return replace(record, p05_us=float(p05), p95_us=float(p95)), samples


def _joined(records: Sequence[Record]) -> Record:
    """Without a speed-up; of a format that was not right, the record that says so."""
    last, count = records[-1], len(records)
    if last.status != "ok":
        where = f"in launch {count}: " if count > 1 else ""
        return replace(last, reason=where + last.reason, launches=count)
    middle = over_launches([r.median_us or np.nan for r in records])
    changed: dict[str, Any] = {name: _of(np.median, records, name) for name in MIDDLE}
    changed |= {name: _of(max, records, name) for name in LARGEST}
    changed |= {name: _of(sum, records, name) for name in SUMMED}
    read, moved = changed["read_gbps"], changed["bytes_moved"] or 0
    gbps = moved / middle.value / 1e3
    return replace(
        records[0],
        **changed,
        launches=count,
        launch_samples=";".join(str(r.samples) for r in records),
        median_us=middle.value,
        ci_low_us=middle.low,
        ci_high_us=middle.high,
        stop_reason=max((r.stop_reason for r in records), key=STOPS.index),
        gbps=gbps,
        bandwidth_share=gbps / read if read else None,
        throttle="+".join(_words(records, "throttle", "+")),
        flags=_flags(records),
        baseline="",
        speedup=None,
        speedup_low=None,
        speedup_high=None,
        break_even_calls=None,
    )


def _of(what: Callable[[list[Any]], Any], records: Sequence[Record], name: str) -> Any:
    """Of the launches that have a value; None where none has."""
    found = [value for r in records if (value := getattr(r, name)) is not None]
    value = what(found) if found else None
    return float(value) if isinstance(value, np.floating) else value


def _flags(records: Sequence[Record]) -> str:
    """Every flag of any launch once, of one with a share the largest."""
    found: dict[str, str] = {}
    for flag in _words(records, "flags", ";"):
        name = flag.partition(":")[0]
        found[name] = max(found.get(name, flag), flag, key=_share)
    return ";".join(found.values())


def _words(records: Sequence[Record], name: str, mark: str) -> Iterator[str]:
    """What stands in that column of any launch, each once, in order of appearance."""
    words = (word for r in records for word in getattr(r, name).split(mark) if word)
    return iter(dict.fromkeys(words))


def _share(flag: str) -> float:
    number = flag.partition(":")[2].removesuffix("%")
    return float(number) if number else 0.0


def _compared(
    record: Record, records: Sequence[Record], best: Record, beside: Sequence[Record]
) -> Record:
    """The record with its speed-up over `best`, launch by launch; as it is where one lacks it."""
    if record is best:
        return against(record, best, Interval(1.0, 1.0, 1.0))
    if record.status != "ok":
        return record
    ratios = [_speedup(mine, base) for mine, base in zip(records, beside, strict=True)]
    if None in ratios:
        return record
    return against(record, best, over_launches([ratio for ratio in ratios if ratio]))


def _speedup(mine: Record, base: Record) -> float | None:
    """Over `base`, in the launch of both; it may have been another baseline that was fastest."""
    if mine.baseline == base.format:
        return mine.speedup
    if mine.speedup and base.speedup and mine.baseline == base.baseline:
        return mine.speedup / base.speedup
    return None
