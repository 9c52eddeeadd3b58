"""Combinations of values, less `exclude`, plus `include`, as in the matrix of GitHub Actions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from spmvbench.experiment.document import Document
from spmvbench.experiment.fields import MOST_CASES
from spmvbench.experiment.wording import seen
from spmvbench.shapes import Shape


class Combination(NamedTuple):
    """One value of each list, outermost first; `format` last, since formats share a case."""

    shape: Shape
    density: float | None
    pattern: str
    dtype: str
    batch: int
    cache: str
    threads: int | str
    seed: int
    format: str


Axes = Mapping[str, Sequence[Any]]
"""The values of each field of a combination, in its order."""

Given = Mapping[str, Any]
"""What an entry of `include` or `exclude` says."""


def product(axes: Axes, document: Document, lists: Mapping[str, str]) -> list[Combination]:
    """Every combination. `lists` names the list of each axis in the file.

    Raises: ExperimentError for more than MOST_CASES cases, before any is made.
    """
    sizes = {axis: len(values) for axis, values in axes.items() if axis != "format"}
    count = math.prod(sizes.values())
    if count > MOST_CASES:
        words = " x ".join(f"{size} {lists[axis]}" for axis, size in sizes.items() if size > 1)
        longest = max(sizes, key=lambda axis: sizes[axis])
        message = f"{count:,} cases ({words}); expected at most {MOST_CASES:,}"
        raise document.error((lists[longest],), message)
    return list(itertools.starmap(Combination, itertools.product(*axes.values())))


def exclude(
    combinations: list[Combination], entries: Sequence[Given], document: Document
) -> list[Combination]:
    """Those that have not all the values of any entry.

    Raises: ExperimentError for an entry that matches none: a typo there would measure too much.
    """
    for index, given in enumerate(entries):
        if not any(_fits(combination, given) for combination in combinations):
            reason = _why_none(combinations, given)
            raise document.error(("exclude", index), f"exclude matches no combination: {reason}")
    return [
        combination
        for combination in combinations
        if not any(_fits(combination, given) for given in entries)
    ]


def include(
    combinations: list[Combination],
    entries: Sequence[Given],
    axes: Axes,
    listed: set[str],
    document: Document,
) -> list[Combination]:
    """The combinations with what the entries add to them, then the new ones.

    `listed` are the keys whose lists are written in the file: an entry fits a combination when it
    agrees with it in these. It never changes them; what it says beyond them, it sets, and a later
    entry may set it again. An entry that fits none is a combination of its own, which later
    entries leave alone.
    Raises: ExperimentError for an entry that changes nothing, or that leaves open what it is.
    """
    current, new = list(combinations), []
    for index, given in enumerate(entries):
        fixed = {key: value for key, value in given.items() if key in listed}
        added = {key: value for key, value in given.items() if key not in listed}
        hits = [i for i, original in enumerate(combinations) if _fits(original, fixed)]
        before = [current[i] for i in hits]
        for i in hits:
            current[i] = current[i]._replace(**added)
        if hits and before == [current[i] for i in hits]:
            message = "include changes nothing: its combinations are measured without it"
            raise document.error(("include", index), message)
        if not hits:
            new += _new(given, axes, index, document)
    return current + new


def _new(given: Given, axes: Axes, index: int, document: Document) -> list[Combination]:
    chosen = {axis: list(values) for axis, values in axes.items()}
    for key, value in given.items():
        if key == "shape":
            known = [shape for shape in chosen["shape"] if (shape.rows, shape.cols) == value]
            chosen["shape"] = known or [Shape(*value)]
        elif key == "tensor":
            chosen["shape"] = [s for s in chosen["shape"] if fnmatchcase(s.layer, value)]
        else:
            chosen[key] = [value]
    if not chosen["shape"]:
        raise document.error(("include", index), f"no tensor matches {seen(given['tensor'])}")
    open_keys = [
        axis
        for axis, values in chosen.items()
        if len(values) > 1 and axis != "format" and not (axis == "shape" and "tensor" in given)
    ]
    if open_keys:
        message = "include fits no combination, so it is a new one; it must also say its "
        raise document.error(("include", index), message + ", ".join(open_keys))
    return list(itertools.starmap(Combination, itertools.product(*chosen.values())))


def _fits(combination: Combination, given: Given) -> bool:
    return all(_has(combination, key, value) for key, value in given.items())


def _has(combination: Combination, key: str, value: Any) -> bool:
    shape = combination.shape
    if key == "shape":
        return bool((shape.rows, shape.cols) == value)
    if key == "tensor":
        return fnmatchcase(shape.layer, str(value))
    return bool(getattr(combination, key) == value)


def _why_none(combinations: list[Combination], given: Given) -> str:
    """Of all combinations of lists, those that lack an entry lack one of its values."""
    key, value = next(
        (key, value)
        for key, value in given.items()
        if not any(_has(combination, key, value) for combination in combinations)
    )
    return f"none has {key} {seen(value)}"
