"""What is known of a program: how it is started, and how its time is read from what it prints."""

from __future__ import annotations

import hashlib
import math
import re
import shlex
import shutil
import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PREFIX = "external:"
"""A contestant of an experiment's `external` is named `external:NAME`."""

UNITS = {"ns": 1e-3, "us": 1.0, "µs": 1.0, "μs": 1.0, "ms": 1e3, "s": 1e6}
"""Microseconds of each."""

PLACES = ("mtx", "rows", "cols", "density", "device")
"""What a command may hold in braces."""

OF_A_SHELL = ("|", ">", ">>", "<", "&&", "||")
"""Words that a shell would not give to a program: one that stands there unquoted is a mistake."""

_QUOTED = re.compile(r"""\\.|'[^']*'|"(?:\\.|[^"\\])*\"""", re.DOTALL)

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"


class NoTime(Exception):
    """What a program has printed holds no time, or one that cannot be."""


@dataclass(frozen=True)
class Program:
    """A program that multiplies by a matrix and prints how long that took.

    `command`: words as in a shell, with `PLACES` in braces. `time`: an expression with a group
    `time`, and a group `unit` unless `unit` says it. `error`: one that good output never fits.
    """

    name: str
    command: str
    time: str
    unit: str = ""
    error: str = ""
    timeout_s: float = 60.0
    devices: tuple[str, ...] = ("cpu", "cuda")

    @property
    def takes_file(self) -> bool:
        """Whether it reads the matrix."""
        return "mtx" in places(self.command)

    @property
    def file(self) -> str | None:
        """The program itself, found as a shell would; None where there is none."""
        return shutil.which(self.first)

    @property
    def first(self) -> str:
        """The program as it was named."""
        return shlex.split(self.command)[0].format()

    @property
    def stamp(self) -> str:
        """Changes with all that is said of it, and with the program."""
        digest = hashlib.sha256(repr(self).encode())
        if self.file:
            digest.update(Path(self.file).read_bytes())
        return digest.hexdigest()[:12]

    def words(self, values: Mapping[str, str]) -> list[str]:
        """The command to start, without a shell. A value with spaces stays one word."""
        _, *others = shlex.split(self.command)
        return [self.file or self.first, *(word.format_map(values) for word in others)]

    def microseconds(self, output: str) -> list[float]:
        """Every time in what it has printed, in order. Raises: NoTime, in one line."""
        if self.error and (wrong := re.search(self.error, output)):
            raise NoTime(f"it printed: {line_of(output, wrong.start())}")
        found = list(re.finditer(self.time, output))
        if not found:
            raise NoTime(f"nothing it printed fits {self.time}; last line: {last_line(output)}")
        return [self._microseconds(one) for one in found]

    def _microseconds(self, found: re.Match[str]) -> float:
        said = found["time"]
        unit = self.unit or found["unit"]
        if unit not in UNITS:
            raise NoTime(f"its unit is '{unit}'; expected one of {', '.join(UNITS)}")
        try:
            time = float(said)
        except (TypeError, ValueError):
            raise NoTime(f"its time is '{said}'; expected a number") from None
        if not (math.isfinite(time) and time > 0):
            raise NoTime(f"its time is {said} {unit}; expected more than nothing")
        return time * UNITS[unit]


def places(command: str) -> set[str]:
    """The names in braces. Raises: ValueError for braces or quotes that do not fit together."""
    shlex.split(command)
    return {name for _, name, _, _ in string.Formatter().parse(command) if name is not None}


def wrong(command: str) -> str | None:
    """What is wrong with a command, in one line; None when nothing is."""
    try:
        unknown = places(command) - set(PLACES)
        if places(shlex.split(command)[0]):
            return "begins with a place in braces; expected a program and its arguments"
    except ValueError as error:
        return f"cannot be read: {error}"
    if word := _of_a_shell(command):
        return f"has {word}, and no shell runs it; expected a script, or the word quoted: '{word}'"
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in PLACES)
        return f"has {{{min(unknown)}}}; expected some of {known}, and {{{{ for a brace"
    return None


def _of_a_shell(command: str) -> str:
    """The first word that is meant for a shell; empty where there is none."""
    unquoted = _QUOTED.sub("''", command).split()
    return next((word for word in unquoted if word in OF_A_SHELL), "")


def last_line(output: str) -> str:
    """The last line that says something."""
    lines = output.strip().splitlines()
    return lines[-1].strip() if lines else "nothing"


def line_of(output: str, place: int) -> str:
    """The line in which a place is."""
    start = output.rfind("\n", 0, place) + 1
    return output[start:].partition("\n")[0].strip()
