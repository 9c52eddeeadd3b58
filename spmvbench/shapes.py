"""Shapes of matrices by name: the linear layers of known language models, cited in shapes.yaml."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from spmvbench.errors import ExperimentError, did_you_mean

_FILE = Path(__file__).with_name("shapes.yaml")


@dataclass(frozen=True)
class Shape:
    """The size of a matrix, and whose layer it is: `count` matrices of a model have it.

    An unlabelled shape (no model) belongs to nobody.
    """

    rows: int
    cols: int
    model: str = ""
    layer: str = ""
    count: int = 1


def names() -> list[str]:
    """The presets, as they are named in YAML."""
    return list(_models())


def preset(name: str, layers: str = "*") -> list[Shape]:
    """One shape per linear layer of a block, as often as the model has blocks; see `merge`.

    `layers` is a glob over layer names.
    Raises: ExperimentError for an unknown preset, or a glob that matches none of its layers.
    """
    models = _models()
    if name not in models:
        near = did_you_mean(name, models)
        known = f"{near} Presets" if near else "; presets"
        raise ExperimentError(f"unknown preset '{name}'{known}: {', '.join(models)}")
    model = models[name]
    found = [
        Shape(rows, cols, name, layer, model["blocks"])
        for layer, (rows, cols) in model["layers"].items()
        if fnmatchcase(layer, layers)
    ]
    if not found:
        known = ", ".join(model["layers"])
        raise ExperimentError(f"'{layers}' matches no layer of {name}; its layers: {known}")
    return found


def merge(shapes: Iterable[Shape]) -> list[Shape]:
    """Each size once, in order: labels joined by `,`, counts summed.

    A layer named twice counts once. An unlabelled shape adds nothing to the count of a labelled
    one, since no model multiplies by it.
    """
    groups: dict[tuple[int, int], list[Shape]] = {}
    for shape in dict.fromkeys(shapes):
        groups.setdefault((shape.rows, shape.cols), []).append(shape)
    return [_joined(group) for group in groups.values()]


def _joined(same_size: list[Shape]) -> Shape:
    labelled = [shape for shape in same_size if shape.model] or same_size[:1]
    return Shape(
        rows=labelled[0].rows,
        cols=labelled[0].cols,
        model=",".join(dict.fromkeys(shape.model for shape in labelled)),
        layer=",".join(dict.fromkeys(shape.layer for shape in labelled)),
        count=sum(shape.count for shape in labelled),
    )


@cache
def _models() -> dict[str, Any]:
    models: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return models
