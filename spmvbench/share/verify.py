"""Whether results hold together: hashes, columns, and every median given by its own samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import isclose
from pathlib import Path
from typing import Any

import numpy as np

from spmvbench import hashes
from spmvbench.dtypes import Array
from spmvbench.errors import ResultsError
from spmvbench.record import STATUSES, Record
from spmvbench.records import CSV, ENVIRONMENTS, EXPERIMENT, SAMPLES
from spmvbench.share import manifest
from spmvbench.share.folders import Folder, known_suite
from spmvbench.share.source import MANIFEST

CLOSE = 5e-6
"""Cells have seven digits; a ratio of two of them agrees with a third to a little less."""

DERIVED: dict[str, Callable[[Any], float]] = {
    "gbps": lambda row: row.bytes_moved / row.median_us / 1000,
    "bandwidth_share": lambda row: row.gbps / row.read_gbps,
    "effective_density": lambda row: row.packed_bytes / row.dense_bytes,
}
"""Columns that follow from others of the same row."""


def complaints(top: Path, found: list[Folder]) -> list[str]:
    """What is off, a line each; none: all is right. `found` are the results folders below `top`.

    Raises: ResultsError for a manifest that is none.
    """
    wrong = manifest.complaints(top, found) if (top / MANIFEST).exists() else []
    for folder in found:
        place = "" if folder.name == "." else f"{folder.name}/"
        try:
            wrong += [f"{place}{line}" for line in _folder(folder)]
        except ResultsError as error:
            wrong.append(str(error).replace(f"{folder.path}/", place))
    return wrong


def _folder(folder: Folder) -> Iterator[str]:
    if not folder.rows:
        yield f"{CSV}: has no row"
    folder.dates  # noqa: B018  read, to see that it can be
    if folder.suite and known_suite(folder.suite) is None:
        yield f"{EXPERIMENT}: suite {folder.suite} is not one of this version"
    yield from _environments(folder)
    every = _samples(folder.path / SAMPLES)
    together = {_timing(row, row.format): row for row in folder.rows}
    for line, row in enumerate(folder.rows, 2):
        wrong = [*_row(row), *_times(row, every)]
        wrong += _speedup(row, together.get(_timing(row, row.baseline)), every) if not wrong else []
        yield from (f"{CSV}:{line}: {row.format} on {row.key}: {why}" for why in wrong)
    yield from _shared(folder.rows)


def _environments(folder: Folder) -> Iterator[str]:
    for name in sorted({row.environment for row in folder.rows}):
        entry = folder.environments.get(name)
        if entry is None:
            yield f"{ENVIRONMENTS}: has no {name or 'environment'}, which rows were measured in"
        elif hashes.of_json(entry) != name:
            yield f"{ENVIRONMENTS}: {name} was changed: its hash is {hashes.of_json(entry)}"


def _samples(path: Path) -> Array:
    return np.fromfile(path, "<f4") if path.is_file() else np.empty(0, np.float32)


def _row(row: Record) -> Iterator[str]:
    if row.status not in STATUSES:
        yield f"status is '{row.status}', expected one of {', '.join(STATUSES)}"
    if row.status == "ok" and row.median_us is None:
        yield "status is ok and there is no median_us"
    for name, of in DERIVED.items():
        try:
            expected = of(row)
        except (TypeError, ZeroDivisionError):
            continue  # one of the cells is empty
        seen = getattr(row, name)
        if seen is None or not isclose(seen, expected, rel_tol=CLOSE):
            yield f"{name} is {seen and f'{seen:.7g}'}, its other columns give {expected:.7g}"


def _times(row: Record, every: Array) -> Iterator[str]:
    """An external program's own time, `unverified`, may have no samples."""
    if row.median_us is None or (row.samples is None and row.status == "unverified"):
        return
    own = _own(row, every)
    if not len(own) or len(own) != row.samples:
        yield f"{SAMPLES} does not have its {row.samples} samples at {row.samples_offset}"
        return
    middle = median_of(own, getattr(row, "launch_samples", ""))
    if not own.min() > 0 or not np.isfinite(own.max()):
        yield f"a sample is {own.min()} or {own.max()} µs, expected times above 0"
    elif not isclose(middle, row.median_us, rel_tol=CLOSE):
        yield f"median_us is {row.median_us:.7g}, its samples give {middle:.7g}"


def median_of(own: Array, launch_samples: str) -> float:
    """The median that rows hold: of several launches, as `3;4` counts them, that of their medians.

    NaN where the counts are not those of the samples. Shape: own (samples,).
    """
    counts = [int(count) for count in launch_samples.split(";") if count.isdecimal()]
    if len(counts) < 2:
        return float(np.median(own))
    if sum(counts) != len(own) or 0 in counts:
        return float("nan")
    parts = np.split(own, np.cumsum(counts)[:-1])
    return float(np.median([np.median(part) for part in parts]))


def _own(row: Record, every: Array) -> Array:
    """The samples of a row; none where it says no place. Shape: (samples,), float64."""
    start, count = row.samples_offset, row.samples
    if start is None or count is None or start < 0:
        return np.empty(0)
    return every[start : start + count].astype(np.float64)


def _timing(row: Record, name: str) -> tuple[object, ...]:
    """What rows have in common whose samples are paired, and the format looked for."""
    return (*row.case[:3], row.environment, row.block, row.read_gbps, row.samples, name)


def _speedup(row: Record, baseline: Record | None, every: Array) -> Iterator[str]:
    """Where the baseline has a row of the same timing; a resumed run leaves it none.

    Several launches are averaged in another way than one, and are left to their medians.
    """
    if row.speedup is None or baseline is None or row.launches > 1:
        return
    own, other = _own(row, every), _own(baseline, every)
    if len(own) == len(other) and other.min() > 0:  # its own are, or it was complained about
        expected = float(np.exp(np.median(np.log(other / own))))
        if not isclose(row.speedup, expected, rel_tol=CLOSE):
            yield (
                f"speedup is {row.speedup:.7g}, its samples and those of {row.baseline} "
                f"give {expected:.7g}"
            )


def _shared(rows: list[Record]) -> Iterator[str]:
    """Two rows cannot be of the same samples."""
    end, last = 0, 0
    places = [
        (row.samples_offset, row.samples or 0, n)
        for n, row in enumerate(rows, 2)
        if row.samples_offset is not None
    ]
    for offset, count, line in sorted(places):
        if offset < end:
            yield f"{CSV}:{line}: shares samples with line {last}"
        end, last = max(end, offset + count), line


def summary(found: list[Folder]) -> str:
    """How much was verified, and the hash of it all."""
    rows = [row for folder in found for row in folder.rows]
    timed = sum(row.median_us is not None for row in rows)
    content = manifest.content_hash(manifest.entries(found))
    return f"{len(rows)} rows, {timed} of them with samples; sha256 {content}"
