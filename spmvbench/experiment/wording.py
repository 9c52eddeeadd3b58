"""What pydantic finds wrong with an experiment, in one line: place, value seen, expected."""

from __future__ import annotations

import reprlib
from typing import Any

from pydantic import BaseModel, ValidationError

from spmvbench.errors import ExperimentError, did_you_mean
from spmvbench.experiment.document import Document, Location
from spmvbench.experiment.parts import DensityRange, Entry, Limits, PresetPart, TimingKeys
from spmvbench.experiment.programs import ProgramKeys
from spmvbench.experiment.schema import Settings
from spmvbench.experiment.targets import ScaleKeys, TargetKeys

# Short, and safe for a list that holds itself, which YAML can say.
_SHORT = reprlib.Repr()
_SHORT.maxstring = 60
_SHORT.maxlevel = 3

_BELOW: dict[str | int, type[BaseModel]] = {
    "shapes": PresetPart,
    "densities": DensityRange,
    "include": Entry,
    "exclude": Entry,
    "external": ProgramKeys,
    "timing": TimingKeys,
    "max_elements": Limits,
    "targets": TargetKeys,
    "target_scale": ScaleKeys,
}

_EXPECTED = {
    "list_type": "a value or a list of values",
    "too_short": "at least one value",
    "model_type": "a mapping: {key: value}",
}


def explain(invalid: ValidationError, document: Document) -> ExperimentError:
    """The error to raise for the first mistake in the file.

    A key that is not known comes before one that is missing: it may be the same one, misspelt.
    """
    found = [(_location(error["loc"]), error) for error in invalid.errors(include_url=False)]
    at, error = min(found, key=lambda pair: (pair[1]["type"] == "missing", document.line(pair[0])))
    return document.error(at, _message(at, dict(error), document.data))


def seen(value: Any) -> str:
    """A value as the message shows it, cut when long."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        value = list(value)
    return "an empty list" if value == [] else _SHORT.repr(value)


def _location(loc: Location) -> Location:
    """Without the tags by which unions tell their forms apart."""
    return tuple(step for step in loc if not str(step).startswith("<"))


def _message(at: Location, error: dict[str, Any], data: dict[str, Any]) -> str:
    kind = error["type"]
    name = _name(at, data)
    if kind in ("extra_forbidden", "invalid_key"):
        return _unknown_key(at)
    if kind == "missing":
        return f"missing key '{name}'; expected {_example(at)}"
    if kind == "said":
        return f"{name}: {error['msg']}"
    expected = error["msg"] if kind == "expected" else _EXPECTED.get(kind, error["msg"])
    return f"{name} is {seen(error['input'])}; expected {expected}"


def _model(at: Location) -> type[BaseModel]:
    """The mapping that the last step of `at` is a key of."""
    return next((_BELOW[step] for step in reversed(at[:-1]) if step in _BELOW), Settings)


def _unknown_key(at: Location) -> str:
    known = list(_model(at).model_fields)
    near = did_you_mean(str(at[-1]), known)
    expected = f"{near} Expected" if near else "; expected"
    return f"unknown key '{at[-1]}'{expected} one of {', '.join(known)}"


def _example(at: Location) -> str:
    if at == ("formats",):
        return "a list, such as [macko, dense-f16]"
    described = str(_model(at).model_fields[str(at[-1])].description).rstrip(".")
    return described[0].lower() + described[1:]


def _name(at: Location, data: Any) -> str:
    """`densities[1]` or `timing.budget_s`; without the index where no list was written."""
    words = ""
    for step in at:
        if isinstance(step, str):
            words += f".{step}" if words else step
        elif isinstance(data, list) and len(data) > step:
            words += f"[{step}]"
        else:
            continue
        data = data.get(step) if isinstance(data, dict) else _item(data, step)
    return words


def _item(data: Any, step: str | int) -> Any:
    return data[step] if isinstance(data, list) and isinstance(step, int) else None
