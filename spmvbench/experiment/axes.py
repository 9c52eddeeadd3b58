"""The lists of an experiment as the axes that it spans, and where in the file a value is from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spmvbench.errors import SourceError
from spmvbench.experiment.checks import patterns
from spmvbench.experiment.document import Document, Location
from spmvbench.experiment.parts import PresetPart
from spmvbench.experiment.schema import Settings
from spmvbench.shapes import Shape, merge, preset

LISTS = {
    "shape": "shapes",
    "density": "densities",
    "pattern": "patterns",
    "dtype": "dtypes",
    "batch": "batch",
    "cache": "cache",
    "threads": "threads",
    "seed": "seeds",
    "format": "formats",
}
"""What one value is called -> what its list is called; outermost first."""


def axes(settings: Settings, document: Document) -> dict[str, list[Any]]:
    """The values of each list, each once, defaults filled in.

    Raises: ExperimentError for a source that cannot be read.
    """
    lists: dict[str, Sequence[Any]] = {name: getattr(settings, key) for name, key in LISTS.items()}
    if settings.source:
        lists["shape"] = _tensors(settings, document)
    else:
        lists["shape"] = merge(shape for item in settings.shapes for shape in _shapes(item))
    lists["density"] = lists["density"] or [None]
    lists["pattern"] = patterns(settings)
    return {name: list(dict.fromkeys(values)) for name, values in lists.items()}


def origin(settings: Settings, key: str, value: Any) -> Location:
    """Where in the file a value of a combination is from: its list, or an entry of `include`."""
    if key == "shape":
        return _origin_of_shape(settings, value)
    values = patterns(settings) if key == "pattern" else getattr(settings, LISTS[key])
    if value in values:
        return (LISTS[key], values.index(value))
    return _entry(settings, key, value)


def _origin_of_shape(settings: Settings, shape: Shape) -> Location:
    if settings.source:
        return ("source",)
    size = (shape.rows, shape.cols)
    for index, item in enumerate(settings.shapes):
        if size in [(one.rows, one.cols) for one in _shapes(item)]:
            return ("shapes", index)
    return _entry(settings, "shape", size)


def _entry(settings: Settings, key: str, value: Any) -> Location:
    for index, entry in enumerate(settings.include):
        if entry.given.get(key) == value:
            return ("include", index, key)
    return ()


def _shapes(item: Any) -> list[Shape]:
    if isinstance(item, PresetPart):
        return preset(item.preset, item.layers)
    return preset(item) if isinstance(item, str) else [Shape(*item)]


def _tensors(settings: Settings, document: Document) -> list[Shape]:
    """The matrices of a file as shapes: `layer` is the tensor's name."""
    from spmvbench.problems.sources import tensors

    found: list[Shape] = []
    for index, glob in enumerate(settings.tensors):
        try:
            found += [Shape(t.rows, t.cols, "", t.name) for t in tensors(settings.source, glob)]
        except SourceError as error:
            at: Location = ("tensors", index) if "no tensor" in str(error) else ("source",)
            raise document.error(at, str(error)) from None
    return found
