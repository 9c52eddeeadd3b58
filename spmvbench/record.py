"""A record: one row of records.csv. The fields are the columns, in order, each with its meaning."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

SCHEMA_VERSION = 3

OLDEST_SCHEMA = 2
"""Tables from this version on are read; what came later is empty in them."""

STATUSES = ("ok", "wrong", "unavailable", "oom", "timeout", "crashed", "error", "unverified")


def _column(meaning: str, default: Any = None, *, since: int = OLDEST_SCHEMA) -> Any:
    return field(default=default, metadata={"meaning": meaning, "since": since})


@dataclass(frozen=True, kw_only=True)
class Record:
    """One format on one problem under one condition. None is an empty cell: not measured."""

    # What was measured
    experiment: str = _column("`name` of the experiment file", "")
    protocol: str = _column("version of the measuring rules and hash of the `timing` settings", "")
    key: str = _column("the problem: shape, density, dtype, pattern, batch, seed, source", "")
    environment: str = _column("hash of the entry in `environment.json` it was measured in", "")
    format: str = _column("the format's name", "")
    device: str = _column("the device's slug, the name of the results folder", "")
    model: str = _column("whose layer has this shape; several joined by `,`", "")
    tensor: str = _column("which layer or which tensor of the file", "")
    count: int = _column("how often those models multiply by a matrix of this shape", 1)
    rows: int = _column("rows of A, entries of y", 0)
    cols: int = _column("columns of A, entries of x", 0)
    density: float | None = _column("share of non-zeros asked for; as stored: found")
    nnz: int | None = _column("non-zeros of A as counted")
    dtype: str = _column("type that A was rounded to before any format saw it", "")
    value_dtype: str = _column("type in which the format stores values", "")
    x_dtype: str = _column("type of x as handed to the product", "")
    y_dtype: str = _column("type of y as written by the product", "")
    accumulate: str = _column("type of the accumulator", "")
    lossless: bool = _column("False: judged against its own unpacked matrix, not against A", True)
    layout: str = _column("the format that `auto` chose; empty: the format itself", "")
    dense: bool = _column(
        "True: every element is stored; if lossless too, it may be a baseline", False
    )
    pattern: str = _column("where the non-zeros are, or how a stored matrix was pruned", "")
    source: str = _column("file the matrix is from; empty: generated", "")
    batch: int = _column("columns of x: products done at once", 1)
    seed: int = _column("seed of A and x", 0)
    cache: str = _column("`cold`: no byte of A cached at the start; `hot`: all that fit", "")
    cache_method: str = _column(
        "how that was achieved: `rotate`, `flush` or `repeat`; `unknown` where a program timed "
        "itself: `cache` is then what the others had",
        "",
    )
    copies: int | None = _column("copies of A rotated among")
    threads: int = _column("CPU threads; 0 on a GPU", 0)
    launches: int = _column("process starts the samples are from", 1)
    launch_samples: str = _column(
        "samples of each launch, in the order of the samples, joined by `;`", "", since=3
    )
    block: int | None = _column(
        "timing group within the problem; rows of one group were interleaved, sample by sample"
    )
    timer: str = _column("the clock used", "")

    # What came out
    status: str = _column("one of: " + ", ".join(f"`{s}`" for s in STATUSES), "")
    reason: str = _column("why the status is not `ok`, in one line", "")
    packed_bytes: int | None = _column("bytes of all arrays of the packed matrix")
    dense_bytes: int | None = _column("bytes of A as a dense array of `dtype`")
    effective_density: float | None = _column("packed_bytes / dense_bytes")
    bytes_moved: int | None = _column(
        "packed_bytes + x + y, and what a plan has built beside: what one product must move"
    )
    working_set_bytes: int | None = _column("bytes between two uses of the same copy of A")
    cache_bytes: int | None = _column("size of the last-level cache")
    max_error: float | None = _column(
        "largest error as a share of the rounding bound; above 1 is `wrong`"
    )
    distance: float | None = _column(
        "lossy formats: largest |unpacked - A| as a share of the largest |A|"
    )

    # Times
    median_us: float | None = _column(
        "median of the samples, microseconds per product; of several launches: of their medians"
    )
    ci_low_us: float | None = _column("lower end of the 95 % interval of the median")
    ci_high_us: float | None = _column("upper end of the 95 % interval of the median")
    p05_us: float | None = _column("5th percentile of the samples")
    p95_us: float | None = _column("95th percentile of the samples")
    overhead_us: float | None = _column("median time of the same format on an 8 x 8 matrix")
    floor_us: float | None = _column("median time of an empty kernel, timed alike", since=3)
    registers: int | None = _column("registers a thread of the kernel, of ours on a GPU", since=3)
    local_bytes: int | None = _column(
        "local memory a thread of that kernel, in bytes: spilled registers", since=3
    )
    samples: int | None = _column("number of samples")
    effective_samples: float | None = _column(
        "independent samples that would tell the median as well: fewer where they are correlated",
        since=3,
    )
    samples_offset: int | None = _column("first sample's place in `samples.bin`, in float32 values")
    stop_reason: str = _column("why sampling ended: `precise`, `stalled` or `budget`", "")
    pack_s: float | None = _column(
        "seconds of `pack`: on the host, or on the device where the format packs there"
    )
    upload_s: float | None = _column("seconds to copy the packed arrays to the device")
    plan_s: float | None = _column("seconds of `plan`, uploads included: compile, preprocess")
    first_call_us: float | None = _column("the first product after `plan`")

    # Against the limit and against dense
    gbps: float | None = _column("bytes_moved / median_us, in 10^9 bytes per second")
    read_gbps: float | None = _column("the device's read bandwidth, measured beside this row")
    bandwidth_share: float | None = _column("gbps / read_gbps")
    baseline: str = _column("fastest dense format of the same value_dtype in the same block", "")
    speedup: float | None = _column(
        "median over paired samples of baseline time / this time; of several launches: of theirs"
    )
    speedup_low: float | None = _column("lower end of its 95 % interval")
    speedup_high: float | None = _column("upper end of its 95 % interval")
    break_even_calls: float | None = _column(
        "products after which packing has paid for itself against the baseline"
    )

    # The machine meanwhile
    clock_mhz: float | None = _column("median clock while sampling, where the device tells")
    power_w: float | None = _column("median power while sampling, where the device tells")
    temperature_c: float | None = _column(
        "highest temperature while sampling, where the device tells", since=3
    )
    throttle: str = _column("throttle reasons seen, where the device tells", "")
    flags: str = _column("warnings about this row, joined by `;`: see below", "")
    schema_version: int = _column(
        "version of the table that the row was written to", SCHEMA_VERSION
    )

    @property
    def case(self) -> tuple[str, str, int, str]:
        """What tells two rows of one experiment apart: problem, cache state, threads, format."""
        return (self.key, self.cache, self.threads, self.format)


COLUMNS = tuple(f.name for f in fields(Record))


def columns_of(version: int) -> tuple[str, ...]:
    """The columns of a table of that version: the later ones came in between."""
    return tuple(f.name for f in fields(Record) if f.metadata["since"] <= version)


def dictionary() -> str:
    """The column dictionary as a Markdown table, as it stands in results/README.md."""
    lines = ["| column | meaning |", "|---|---|"]
    lines += [f"| `{f.name}` | {f.metadata['meaning']} |" for f in fields(Record)]
    return "\n".join(lines)
