"""From what happened to records: every number in a row is derived here, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from spmvbench.case import Case
from spmvbench.contestant import Contestant
from spmvbench.devices.base import FLUSH_CACHES, Telemetry
from spmvbench.dtypes import itemsize
from spmvbench.formats.base import BESIDE, USAGE
from spmvbench.guard import Failure
from spmvbench.record import Record
from spmvbench.sampling import CacheState, Timed
from spmvbench.stats import (
    CORRELATED,
    OUTLIER_SHARE,
    Interval,
    Samples,
    bimodal,
    drifts,
    effective_samples,
    median,
    outlier_share,
    speedup,
)

CONTENDED_SHARE = 0.05
BUSY_SHARE = 0.8
TOO_FAST_SHARE = 1.05


@dataclass(frozen=True)
class Surroundings:
    """What the machine did while a group was timed: see the columns of the same names.

    `alone_gbps`: what one thread reads by itself.
    """

    cache_bytes: int
    read_gbps: float
    alone_gbps: float
    foreign_load: float
    floor_us: float | None
    telemetry: Telemetry


def blank(case: Case, name: str, *, device: str, timer: str) -> Record:
    """The record of a format of which nothing is known but what was asked."""
    p = case.problem
    return Record(
        experiment=case.experiment,
        protocol=case.timing.protocol,
        key=p.key,
        format=name,
        device=device,
        model=p.model,
        tensor=p.tensor,
        count=p.count,
        rows=p.rows,
        cols=p.cols,
        density=p.density,
        dtype=p.dtype,
        pattern=p.pattern,
        source=p.source or "",
        batch=p.batch,
        seed=p.seed,
        cache=case.cache,
        threads=case.threads,
        timer=timer,
        dense_bytes=p.elements * itemsize(p.dtype),
    )


def failed(record: Record, failure: Failure) -> Record:
    """The record of a format that has no time."""
    return replace(
        record, status=failure.status, reason=failure.reason, max_error=failure.max_error
    )


def unverified(record: Record, times_us: Sequence[float]) -> Record:
    """The record of a program that says its time itself; without a time where it was not run."""
    record = replace(
        record,
        status="unverified",
        reason="it timed itself; nobody saw its y, nor what was in the cache",
        timer="external",
        cache_method="unknown",
    )
    if not times_us:
        return record
    low, middle, high = (float(np.percentile(times_us, share)) for share in (5, 50, 95))
    return replace(record, median_us=middle, p05_us=low, p95_us=high, samples=len(times_us))


def checked(record: Record, contestant: Contestant) -> Record:
    """The record of a format that was found right: sizes, precision, set-up times."""
    seconds, precision = contestant.seconds, contestant.precision
    registers, local_bytes = getattr(contestant.plans[0], USAGE, (None, None))
    batch = record.batch
    beside = getattr(contestant.plans[0], BESIDE, 0)
    vectors = record.cols * itemsize(precision.x) + record.rows * itemsize(precision.y)
    return replace(
        record,
        status="ok",
        value_dtype=precision.values,
        x_dtype=precision.x,
        y_dtype=precision.y,
        accumulate=precision.accumulate,
        lossless=contestant.lossless,
        layout=contestant.layout,
        dense=contestant.dense,
        packed_bytes=contestant.packed_bytes,
        effective_density=contestant.packed_bytes / max(record.dense_bytes or 0, 1),
        bytes_moved=contestant.packed_bytes + beside + batch * vectors,
        max_error=contestant.max_error,
        distance=contestant.distance,
        pack_s=seconds["pack"],
        upload_s=seconds["upload"],
        plan_s=seconds["plan"],
        first_call_us=seconds["first_call"] * 1e6,
        registers=registers,
        local_bytes=local_bytes,
    )


def timed(
    record: Record,
    contestant: Contestant,
    state: CacheState,
    outcome: Timed,
    overhead_us: float | None,
    around: Surroundings,
) -> Record:
    """The record with its times, against the limit of the machine; `compared` adds the baseline."""
    samples = outcome.samples[contestant.index]
    middle = median(samples)
    gbps = (record.bytes_moved or 0) / middle.value / 1e3
    working_set = (record.bytes_moved or 0) + (state.copies - 1) * contestant.packed_bytes
    if state.method == "flush":
        working_set += FLUSH_CACHES * around.cache_bytes
    record = replace(
        record,
        cache_method=state.method,
        copies=state.copies,
        working_set_bytes=working_set,
        cache_bytes=around.cache_bytes,
        median_us=middle.value,
        ci_low_us=middle.low,
        ci_high_us=middle.high,
        p05_us=float(np.percentile(samples, 5)),
        p95_us=float(np.percentile(samples, 95)),
        overhead_us=overhead_us,
        floor_us=around.floor_us,
        samples=len(samples),
        effective_samples=effective_samples(samples),
        stop_reason=outcome.stopped[contestant.index],
        gbps=gbps,
        read_gbps=around.read_gbps,
        bandwidth_share=gbps / around.read_gbps if around.read_gbps else None,
        clock_mhz=around.telemetry.clock_mhz,
        power_w=around.telemetry.power_w,
        temperature_c=around.telemetry.temperature_c,
        throttle=around.telemetry.throttle,
    )
    return replace(record, flags=";".join(_flags(record, samples, around)))


def _flags(record: Record, samples: Samples, around: Surroundings) -> list[str]:
    found = []
    if around.foreign_load > CONTENDED_SHARE:
        found.append(f"contended:{around.foreign_load:.0%}")
    if around.read_gbps < BUSY_SHARE * around.alone_gbps:
        found.append("busy-core")
    found += _shape(samples)
    if record.cache == "cold" and (record.bandwidth_share or 0) > TOO_FAST_SHARE:
        found.append("above-bandwidth")
    if record.cache == "hot" and (record.working_set_bytes or 0) > around.cache_bytes:
        found.append("exceeds-cache")
    if record.overhead_us and record.median_us and record.overhead_us > 0.2 * record.median_us:
        found.append("mostly-overhead")
    return found


def _shape(samples: Samples) -> list[str]:
    """What the samples themselves warn of."""
    found = []
    if drifts(samples):
        found.append("drift")
    if bimodal(samples):
        found.append("bimodal")
    if len(samples) >= CORRELATED * effective_samples(samples):
        found.append("correlated")
    if (far := outlier_share(samples)) > OUTLIER_SHARE:
        found.append(f"outliers:{far:.0%}")
    return found


def compared(records: Sequence[Record], samples: Mapping[str, Samples]) -> list[Record]:
    """The records of one timing group with their speed-up over its baseline.

    The baseline is the fastest dense format that stores the weights in the problem's own dtype:
    a format that stores more bits has itself to blame. None in the group: no speed-ups.
    """
    dense = [r for r in records if is_rival(r)]
    if not dense:
        return list(records)
    best = min(dense, key=lambda r: r.median_us or np.inf)
    return [
        against(r, best, speedup(samples[best.format], samples[r.format]))
        if r is not best
        else against(r, best, Interval(1.0, 1.0, 1.0))
        for r in records
    ]


def is_rival(record: Record) -> bool:
    """Whether it may be the baseline: dense, lossless, with the weights in the problem's dtype."""
    return record.dense and record.lossless and record.value_dtype == record.dtype


def against(record: Record, best: Record, ratio: Interval) -> Record:
    """The record with its speed-up over its baseline."""
    saved_us = (best.median_us or 0) - (record.median_us or 0)
    pays = record is not best and saved_us > 0 and record.pack_s is not None
    return replace(
        record,
        baseline=best.format,
        speedup=ratio.value,
        speedup_low=ratio.low,
        speedup_high=ratio.high,
        break_even_calls=record.pack_s * 1e6 / saved_us if pays and record.pack_s else None,
    )
