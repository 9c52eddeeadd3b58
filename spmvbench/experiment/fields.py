"""The kinds of values an experiment file holds, each with the words for what was expected."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    WrapValidator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from spmvbench import shapes, suites
from spmvbench.errors import ExperimentError

LONGEST = 2**31 - 1
"""Most rows or columns: formats index both with 32 bits."""

LARGEST_BATCH = 64

MOST_CASES = 100_000
"""An experiment of more would not end; so many also fit in memory."""


def expect(words: str) -> WrapValidator:
    """Whatever is wrong with the value, the message says that `words` were expected."""

    def check(value: Any, handler: Any) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise PydanticCustomError("expected", "{words}", {"words": words}) from None

    return WrapValidator(check)


def said(message: str) -> PydanticCustomError:
    """An error whose message is complete as it is."""
    return PydanticCustomError("said", "{message}", {"message": message})


class OneOrMore:
    """A list, not empty; a single value stands for a list of it."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Wraps a lone value before the list is validated."""
        return core_schema.no_info_before_validator_function(self.as_list, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Either form, for editors."""
        listed = handler(schema)
        return {"anyOf": [listed["items"], listed]}

    def as_list(self, value: Any) -> Any:
        """The list to validate; nothing stays nothing, and is refused."""
        return value if value is None or isinstance(value, list) else [value]


class OneOrMorePairs(OneOrMore):
    """The same where an item may itself be a list: `[4096, 4096]` alone is one pair."""

    def as_list(self, value: Any) -> Any:
        """A list whose items are numbers is an item."""
        lone = isinstance(value, list) and any(isinstance(item, int | float) for item in value)
        return [value] if lone else super().as_list(value)


def _whole(value: Any) -> Any:
    """1e6 is a fine number of elements, and a float to YAML."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _six_digits(value: float) -> float:
    """A problem's key shows six digits: two densities with one key would be one row."""
    return float(f"{value:.6g}")


def _two(value: Any) -> Any:
    if isinstance(value, list) and len(value) == 2:
        return tuple(value)
    raise PydanticCustomError("expected", "[rows, cols]")


def _known_preset(name: str) -> str:
    try:
        shapes.preset(name)
    except ExperimentError as error:
        raise said(str(error)) from None
    return name


def _pinned(name: str) -> str:
    try:
        return suites.suite(name).pinned
    except ExperimentError as error:
        raise said(str(error)) from None


def _list_suites(schema: dict[str, Any]) -> None:
    schema["examples"] = suites.names()


def _list_presets(schema: dict[str, Any]) -> None:
    schema["enum"] = shapes.names()


Word = Annotated[str, Field(strict=True, pattern=r"^\S(.*\S)?$")]
Text = Annotated[str, Field(strict=True), expect("text")]
Name = Annotated[
    str,
    Field(strict=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$"),
    expect("letters, digits, '.', '_' and '-': it names the results folder"),
]
FormatName = Annotated[Word, expect("the name of a format, such as 'macko'")]
PatternName = Annotated[Word, expect("the name of a pattern, such as 'uniform' or '2:4'")]
FileName = Annotated[Word, expect("a path, or package:DIST/path")]
Glob = Annotated[Word, expect("a name or a glob, such as '*.weight'")]
Preset = Annotated[
    Word,
    Field(json_schema_extra=_list_presets),
    expect("the name of a preset, such as 'llama2-7b'"),
    AfterValidator(_known_preset),
]
PresetAlone = Annotated[
    Word,
    Field(json_schema_extra=_list_presets),
    expect("[rows, cols], or the name of a preset, such as 'llama2-7b'"),
    AfterValidator(_known_preset),
]
SuiteName = Annotated[
    Word,
    Field(json_schema_extra=_list_suites),
    expect("the name of a suite, such as 'llm31-v1'"),
    AfterValidator(_pinned),
]
"""With its hash once validated, so that a stored experiment says which problems it means."""
Size = Annotated[
    int,
    Field(strict=True, ge=1, le=LONGEST),
    BeforeValidator(_whole),
    expect(f"a whole number from 1 to {LONGEST}"),
]
Pair = Annotated[tuple[Size, Size], BeforeValidator(_two)]
Density = Annotated[
    float,
    Field(strict=True, gt=0, le=1),
    AfterValidator(_six_digits),
    expect("a number above 0 and at most 1"),
]
Batch = Annotated[
    int,
    Field(strict=True, ge=1, le=LARGEST_BATCH),
    BeforeValidator(_whole),
    expect(f"a whole number from 1 to {LARGEST_BATCH}"),
]
Seed = Annotated[
    int,
    Field(strict=True, ge=0, le=2**63 - 1),
    BeforeValidator(_whole),
    expect("a whole number from 0 to 2^63 - 1"),
]
Count = Annotated[
    int,
    Field(strict=True, ge=1),
    BeforeValidator(_whole),
    expect("a whole number of 1 or more"),
]
Samples = Annotated[
    int,
    Field(strict=True, ge=5, le=100_000),
    BeforeValidator(_whole),
    expect("a whole number from 5 to 100000"),
]
Seconds = Annotated[
    float,
    Field(strict=True, gt=0, le=86400),
    expect("a number of seconds above 0 and at most 86400"),
]
Share = Annotated[
    float,
    Field(strict=True, gt=0, lt=1),
    expect("a share above 0 and below 1, such as 0.02 for 2 %"),
]
Threads = Annotated[
    Literal["all"] | Annotated[int, Field(strict=True, ge=1), BeforeValidator(_whole)],
    expect("a whole number of 1 or more, or 'all'"),
]
Dtype = Annotated[
    Literal["float16", "bfloat16", "float32"], expect("'float16', 'bfloat16' or 'float32'")
]
Cache = Annotated[Literal["cold", "hot"], expect("'cold' or 'hot'")]
