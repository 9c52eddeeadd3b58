"""YAML text as plain values whose place is known: `file:line`, or the `--set` that gave them."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from spmvbench.errors import ExperimentError

Location = tuple[str | int, ...]
"""Keys and list indices from the top of the document."""

_SCALARS = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(0|[1-9][0-9_]*)|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
)


class _Loader(yaml.SafeLoader):
    """Reads plain scalars as YAML 1.2 does, and so as editors do.

    YAML 1.1, PyYAML's default, takes `1e6` for text, `2:4` for 124 and `no` for false.
    """

    yaml_implicit_resolvers = {}


for _tag, _pattern, _first in _SCALARS:
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), list(_first)
    )


@dataclass(frozen=True)
class Document:
    """The values of a file with its overrides applied, and the way back to where each is from."""

    label: str
    data: dict[str, Any]
    node: yaml.Node = field(repr=False)
    overrides: dict[Location, str]

    def place(self, at: Location) -> str:
        """`file:line` of what is at `at`, or of the nearest thing around it; or its `--set`."""
        for path, said in reversed(self.overrides.items()):
            shorter = min(len(path), len(at))
            if shorter and path[:shorter] == at[:shorter]:
                return said
        return f"{self.label}:{self.line(at)}"

    def line(self, at: Location) -> int:
        """The line of a key or list item, counted from 1."""
        node, mark = self.node, self.node.start_mark
        for step in at:
            found = _child(node, step)
            if found is None:
                break
            node, mark = found
        return int(mark.line) + 1

    def error(self, at: Location, message: str) -> ExperimentError:
        """The error to raise: one line, its place first."""
        return ExperimentError(f"{self.place(at)}: {' '.join(message.split())}")


def read(raw: bytes, label: str, overrides: Sequence[str] = ()) -> Document:
    """The document in the bytes of a file; `label` names the file in messages.

    Raises: ExperimentError for text that is not UTF-8, not YAML, empty, no mapping, or that has a
    key twice; for an override that cannot be applied.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        seen = f"byte 0x{raw[error.start]:02x}"
        raise ExperimentError(
            f"{label}:{line}: {seen} is not UTF-8 text; save it as UTF-8"
        ) from None
    node, data = _parse(text, lambda line: f"{label}:{line + 1}")
    if node is None or data is None:
        raise ExperimentError(
            f"{label}:1: the file is empty; expected at least formats, shapes, densities"
        )
    if not isinstance(data, dict):
        seen = "a list" if isinstance(data, list) else reprlib.repr(data)
        line = node.start_mark.line + 1
        raise ExperimentError(
            f"{label}:{line}: the file holds {seen}; expected lines of 'key: value'"
        )
    _refuse_duplicates(node, label)
    data, origins = _override(data, overrides)
    return Document(label, data, node, origins)


def _parse(text: str, at: Callable[[int], str]) -> tuple[yaml.Node | None, Any]:
    """The node tree and its values; `at` names the place of a line, counted from 0."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        return node, None if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        raise ExperimentError(f"{at(_mark(error).line)}: not YAML: {_said(error)}") from None
    except yaml.reader.ReaderError as error:
        line = text[: int(error.position)].count("\n")
        seen = f"character {chr(int(error.character))!r}"
        raise ExperimentError(f"{at(line)}: not YAML: {seen} is not allowed") from None
    except ValueError as error:
        raise ExperimentError(f"{at(0)}: not YAML: {error}") from None
    except RecursionError:
        raise ExperimentError(f"{at(0)}: lists or mappings nested too deeply") from None


def _mark(error: yaml.MarkedYAMLError) -> Any:
    return error.problem_mark or error.context_mark or yaml.Mark("", 0, 0, 0, "", 0)


def _said(error: yaml.MarkedYAMLError) -> str:
    """PyYAML's words in one line, with the line where the broken thing began."""
    said = " ".join(str(error.problem or error.context).split())
    if said.startswith("expected <block end>"):
        said = "its indentation fits no line above"
    if said.endswith("but got '{'"):
        said += "; put quotes around text with braces: 'program {mtx}'"
    begun = error.context_mark
    if not error.problem or not error.context or not begun:
        return said
    if not error.context.startswith("while"):
        return f"{error.context}, {said}"
    far = begun.line != _mark(error).line
    return f"{said} ({error.context} begun in line {begun.line + 1})" if far else said


def _child(node: yaml.Node, step: str | int) -> tuple[yaml.Node, Any] | None:
    """What a step leads to and where it begins: for a mapping, at its key."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(step):
                return value, key.start_mark
    elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step].start_mark
    return None


def _refuse_duplicates(top: yaml.Node, label: str) -> None:
    todo, done = [top], set()
    while todo:
        node = todo.pop()
        if id(node) in done or isinstance(node, yaml.ScalarNode):
            continue
        done.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            todo += reversed(node.value)
            continue
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if str(key.value) in lines:
                first = lines[str(key.value)]
                raise ExperimentError(
                    f"{label}:{line}: key '{key.value}' stands twice; first in line {first}"
                )
            lines[str(key.value)] = line
            todo.append(value)


def _override(
    data: dict[str, Any], overrides: Sequence[str]
) -> tuple[dict[str, Any], dict[Location, str]]:
    """`data` with every override applied in turn, and which keys are from which."""
    origins: dict[Location, str] = {}
    for text in overrides:
        place = "--set " + " ".join(text.splitlines())
        dotted, equals, given = text.partition("=")
        path = tuple(word.strip() for word in dotted.split("."))
        if not equals or not all(path):
            example = "for example --set densities=[0.1,0.5] or --set timing.budget_s=0.2"
            raise ExperimentError(f"{place}: expected key=value, {example}")
        value: Any = given
        if not given.startswith("*"):  # a glob; an alias would have nothing to point at
            value = _parse(given, lambda line, place=place: place)[1]  # type: ignore[misc]
        data = _changed(data, path, value, place)
        origins.pop(path, None)  # so that it stands last
        origins[path] = place
    return data, origins


def _changed(data: dict[str, Any], path: tuple[str, ...], value: Any, place: str) -> dict[str, Any]:
    """`data` with the value at `path` replaced, or removed for None."""
    key, *rest = path
    if rest:
        below = data.get(key, {})
        if not isinstance(below, dict):
            raise ExperimentError(f"{place}: '{key}' has no keys below it; set it whole: {key}=...")
        return data | {key: _changed(below, tuple(rest), value, place)}
    if value is not None:
        return data | {key: value}
    if key not in data:
        raise ExperimentError(f"{place}: there is no '{key}' to remove")
    return {name: kept for name, kept in data.items() if name != key}
