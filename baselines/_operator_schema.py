"""Which argument of an operator's schema is what: an array, x, y, the number of rows or columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SIZES = ("rows", "cols")


class Unfit(Exception):
    """A schema that a layout does not fit; its text is one line."""


@dataclass(frozen=True)
class Argument:
    """`what`: the name of a packed array, `x`, `y`, `rows` or `cols`. `word`: given by its name."""

    name: str
    what: str
    word: bool


def arguments(schema: Any, arrays: Sequence[str]) -> tuple[Argument, ...]:
    """What each argument is given, in the order of the schema; those with defaults keep them.

    With a `y` the operator writes it, without one it returns it. Raises: Unfit.
    """
    asked = [one for one in schema.arguments if not one.has_default_value()]
    written = [one for one in asked if one.alias_info and one.alias_info.is_write]
    tensors = [one for one in asked if str(one.type) == "Tensor" and one not in written]
    ints = [one for one in asked if str(one.type) == "int"]
    inputs = (*arrays, "x")
    fits = (
        len(tensors) == len(inputs)
        and len(ints) <= len(SIZES)
        and len(tensors) + len(ints) + len(written) == len(asked)
        and (len(written) == 1 or (not written and _returned(schema) == ["Tensor"]))
    )
    if not fits:
        raise Unfit(f"its schema is {schema}; expected {_expected(inputs)}")
    what = dict(zip([one.name for one in tensors], inputs, strict=True))
    what |= dict(zip([one.name for one in ints], _sizes([one.name for one in ints]), strict=True))
    what |= {one.name: "y" for one in written}
    return tuple(Argument(one.name, what[one.name], bool(one.kwarg_only)) for one in asked)


def _sizes(names: list[str]) -> Sequence[str]:
    """Which number each integer is: as it is called, else rows before columns, columns alone."""
    if set(names) <= set(SIZES):
        return names
    return SIZES[-len(names) :]


def _returned(schema: Any) -> list[str]:
    return [str(one.type) for one in schema.returns]


def _expected(inputs: Sequence[str]) -> str:
    tensors = ", ".join(f"Tensor {name}" for name in inputs)
    return (
        f"({tensors}) -> Tensor, or Tensor(a!) y beside them, which it writes; "
        "int rows, int cols, and what has a default, may stand there too"
    )
