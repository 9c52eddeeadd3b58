"""`external:` of an experiment file: programs that time themselves, as contestants."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from spmvbench.experiment.document import Document
from spmvbench.experiment.fields import OneOrMore, Seconds, Text, Word, expect, said
from spmvbench.experiment.files import beside
from spmvbench.experiment.parts import Keys
from spmvbench.external.program import PREFIX, UNITS, Program, wrong


def _command(text: str) -> str:
    if reason := wrong(text):
        raise said(f"the command {reason}")
    return text


def _expression(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise said(f"{text!r} is no regular expression: {error}") from None
    return text


Expression = Annotated[Text, AfterValidator(_expression)]
ProgramName = Annotated[
    str,
    Field(strict=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$"),
    expect("letters, digits, '.', '_' and '-'"),
]
Unit = Annotated[Literal["ns", "us", "ms", "s"], expect("'ns', 'us', 'ms' or 's'")]
Kind = Annotated[Literal["cpu", "cuda"], expect("'cpu' or 'cuda'")]


class ProgramKeys(Keys):
    """A program that multiplies by a matrix and prints how long that took."""

    command: Annotated[
        Word,
        expect("text, in quotes where it begins with a brace"),
        AfterValidator(_command),
        Field(
            description="The program and its arguments, as in a shell that expands nothing. "
            "{mtx} is a file with the matrix; {rows}, {cols}, {density}, {device} say more of it."
        ),
    ]
    time: Annotated[
        Expression,
        Field(
            description="A regular expression for the time of one product, with a group "
            "`(?P<time>...)`, and a group `(?P<unit>...)` unless `unit` says it. Of several that "
            "it finds the median counts."
        ),
    ]
    unit: Annotated[Unit | None, Field(description="The unit of `time`: ns, us, ms or s.")] = None
    error: Annotated[
        Expression, Field(description="A regular expression for output that is no good.")
    ] = ""
    timeout_s: Annotated[
        Seconds, Field(description="Seconds after which it is ended; default: 60.")
    ] = Program.timeout_s
    devices: Annotated[
        list[Kind], Field(min_length=1, description="Where it runs; default: both."), OneOrMore()
    ] = ["cpu", "cuda"]

    @model_validator(mode="after")
    def _has_time_and_unit(self) -> ProgramKeys:
        groups = set(re.compile(self.time).groupindex)
        if "time" not in groups:
            raise said("time has no group named time; expected (?P<time>...) around the number")
        if "unit" in groups and self.unit:
            raise said("the unit is a group of time and a key; expected one of them")
        if "unit" not in groups and not self.unit:
            known = ", ".join(sorted(UNITS))
            raise said(f"missing key 'unit' ({known}), or a group (?P<unit>...) in time")
        return self


Programs = dict[ProgramName, ProgramKeys]


def settled(programs: Programs, folder: Path) -> Programs:
    """With each program that is a path as found, from here or from the experiment's folder."""
    return {
        name: keys.model_copy(update={"command": _found(keys.command, folder)})
        for name, keys in programs.items()
    }


def _found(command: str, folder: Path) -> str:
    first, *others = shlex.split(command)
    found = beside(first, folder) if "/" in first else None
    return shlex.join([str(Path(found).absolute()), *others]) if found else command


def names(programs: Programs) -> list[str]:
    """The names of their contestants."""
    return [f"{PREFIX}{name}" for name in programs]


def as_programs(programs: Programs) -> tuple[Program, ...]:
    """What the worker is given."""
    return tuple(_program(name, keys) for name, keys in programs.items())


def _program(name: str, keys: ProgramKeys) -> Program:
    values: dict[str, Any] = keys.model_dump()
    return Program(name, **values | {"unit": keys.unit or "", "devices": tuple(keys.devices)})


def check_names(formats: list[str], programs: Programs, document: Document) -> None:
    """Refuse `external:NAME` that nothing stands for. Raises: ExperimentError."""
    for index, name in enumerate(formats):
        if name.startswith(PREFIX) and name not in names(programs):
            known = ", ".join(programs) or "nothing"
            wanted = name.removeprefix(PREFIX)
            message = f"{name}: there is no '{wanted}' under external, which holds {known}"
            raise document.error(("formats", index), message)
