"""From settings to cases: what is measured, in which order, on which device."""

from __future__ import annotations

from collections.abc import Iterable

from spmvbench.case import Case, Timing
from spmvbench.dtypes import itemsize
from spmvbench.experiment.axes import LISTS, axes, origin
from spmvbench.experiment.document import Document
from spmvbench.experiment.matrix import Combination, exclude, include, product
from spmvbench.experiment.schema import Settings
from spmvbench.problems.base import Problem

_GIB = 2**30


def combinations(settings: Settings, document: Document) -> list[Combination]:
    """Every combination to measure, on whatever device.

    Raises: ExperimentError, also for a matrix that there cannot be.
    """
    spanned = axes(settings, document)
    lists = LISTS | {"shape": "tensors"} if settings.source else LISTS
    found = product(spanned, document, lists)
    found = exclude(found, [entry.given for entry in settings.exclude], document)
    listed = {key for key, name in LISTS.items() if name in settings.model_fields_set}
    listed |= {"shape", "tensor"}
    entries = [entry.given for entry in settings.include]
    found = include(found, entries, spanned, listed, document)
    if not found:
        raise document.error(("exclude",), "exclude leaves nothing to measure")
    _check_patterns(found, settings, document)
    return found


def small_enough(found: Iterable[Combination], limit: int | None) -> tuple[list[Combination], int]:
    """What has at most `limit` elements, and how many sizes or tensors have more."""
    kept: list[Combination] = []
    large = set()
    for one in found:
        if limit is None or one.shape.rows * one.shape.cols <= limit:
            kept.append(one)
        else:
            large.add(one.shape)
    return kept, len(large)


def check_cores(
    found: Iterable[Combination], settings: Settings, document: Document, cores: int
) -> None:
    """Refuse more threads than there are cores. Raises: ExperimentError."""
    for threads in dict.fromkeys(one.threads for one in found):
        if threads != "all" and int(threads) > cores:
            expected = f"expected at most {cores}, the cores of this machine, or 'all'"
            at = origin(settings, "threads", threads)
            raise document.error(at, f"threads is {threads}; {expected}")


def check_memory(found: Iterable[Combination], settings: Settings, document: Document) -> None:
    """Refuse a matrix whose dense form takes over half of the memory. Raises: ExperimentError."""
    half = _memory_bytes() // 2
    for shape, dtype in dict.fromkeys((one.shape, one.dtype) for one in found):
        dense = shape.rows * shape.cols * itemsize(dtype)
        if dense > half:
            seen = f"a {shape.rows}x{shape.cols} matrix takes {_gib(dense)} dense in {dtype}"
            expected = f"expected at most {_gib(half)}, half of this machine's memory"
            raise document.error(origin(settings, "shape", shape), f"{seen}; {expected}")


def group(
    found: Iterable[Combination],
    experiment: str,
    timing: Timing,
    source: str | None,
    threads_of_all: int,
) -> list[Case]:
    """One case per problem, cache state and number of threads, in order of appearance."""
    together: dict[Combination, list[str]] = {}
    for one in found:
        together.setdefault(one._replace(format=""), []).append(one.format)
    formats: dict[tuple[str, str, int], dict[str, None]] = {}
    problems: dict[str, Problem] = {}
    for one, names in together.items():
        problem = _problem(one, source)
        problems[problem.key] = problem
        threads = threads_of_all if one.threads == "all" else int(one.threads)
        formats.setdefault((problem.key, one.cache, threads), {}).update(dict.fromkeys(names))
    return [
        Case(experiment, problems[key], tuple(names), cache, threads, timing)
        for (key, cache, threads), names in formats.items()
    ]


def _problem(one: Combination, source: str | None) -> Problem:
    return Problem(
        rows=one.shape.rows,
        cols=one.shape.cols,
        density=one.density,
        dtype=one.dtype,
        pattern=one.pattern,
        seed=one.seed,
        batch=one.batch,
        source=source,
        tensor=one.shape.layer,
        model=one.shape.model,
        count=one.shape.count,
    )


def _check_patterns(found: Iterable[Combination], settings: Settings, document: Document) -> None:
    from spmvbench.problems.patterns import check_pattern
    from spmvbench.problems.prune import check_prune

    for pattern, density, cols in dict.fromkeys(
        (one.pattern, one.density, one.shape.cols) for one in found
    ):
        if settings.source or density is None:
            reason = check_prune(pattern, density, cols)
        else:
            reason = check_pattern(pattern, density, cols)
        if reason:
            raise document.error(origin(settings, "pattern", pattern), reason)


def _memory_bytes() -> int:
    import psutil

    return int(psutil.virtual_memory().total)


def _gib(count: float) -> str:
    return f"{count / _GIB:,.1f} GiB"
