"""What is wrong with settings whose values are right one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from spmvbench.claim import GROUPS
from spmvbench.errors import UnknownFormat
from spmvbench.experiment import programs
from spmvbench.experiment.document import Document, Location
from spmvbench.experiment.files import beside
from spmvbench.experiment.parts import Entry
from spmvbench.experiment.schema import Settings
from spmvbench.experiment.targets import TargetKeys
from spmvbench.experiment.wording import seen
from spmvbench.formats import check_name, outside_file, with_file
from spmvbench.suites import suite

OF_A_SUITE = ("shapes", "densities", "patterns", "dtypes", "batch", "seeds")
"""The lists that a suite stands for."""


def expand_suite(settings: Settings, document: Document) -> Settings:
    """The settings with the lists of their suite. Raises: ExperimentError for lists beside it."""
    if not settings.suite:
        return settings
    for key in (*OF_A_SUITE, "source", "tensors"):
        if key in settings.model_fields_set:
            message = (
                f"{key} does not go with suite {settings.suite}, which is frozen; "
                "expected exclude, for a part of it, or no suite"
            )
            raise document.error((key,), message)
    found = suite(settings.suite)
    lists = {key: list(getattr(found, key)) for key in OF_A_SUITE if key != "batch"}
    return settings.model_copy(update=lists | {"batch": [1]})


def check(settings: Settings, document: Document) -> None:
    """Refuse keys that do not go together. Raises: ExperimentError."""
    given = settings.model_fields_set
    if "source" in given and "shapes" in given:
        message = "shapes and source exclude each other: a file says how large its matrices are"
        raise document.error(("shapes",), message)
    if "source" not in given and "shapes" not in given:
        raise document.error(
            ("shapes",), "missing key 'shapes' (or 'source', a file with matrices, or 'suite')"
        )
    if "source" not in given and "tensors" in given:
        raise document.error(("tensors",), "tensors are those of a file; expected a 'source' too")
    _check_patterns(settings, document)
    _check_entries(settings, document)


def patterns(settings: Settings) -> list[str]:
    """The patterns written, or what they are by default."""
    if settings.patterns:
        return settings.patterns
    if not settings.source:
        return ["uniform"]
    return ["magnitude"] if "densities" in settings.model_fields_set else ["stored"]


def settle_formats(settings: Settings, document: Document, folder: Path) -> Settings:
    """The settings with each `path/to/file.py:Class` as found, from here or from `folder`.

    Raises: ExperimentError for a name that cannot be a format's.
    """
    settled = {}
    for at, name in _formats(settings):
        settled[name] = _settled(name, folder)
        try:
            check_name(settled[name])
        except UnknownFormat as error:
            raise document.error(at, str(error)) from None

    def entries(old: list[Entry]) -> list[Entry]:
        return [
            entry.model_copy(update={"format": settled[entry.format]}) if entry.format else entry
            for entry in old
        ]

    programs.check_names(settings.formats, settings.external, document)
    formats = [*(settled[n] for n in settings.formats), *programs.names(settings.external)]
    changed: dict[str, Any] = {"formats": list(dict.fromkeys(formats))}
    if settings.external:
        changed["external"] = programs.settled(settings.external, folder)
    for key in {"include", "exclude"} & settings.model_fields_set:
        changed[key] = entries(getattr(settings, key))
    if "targets" in settings.model_fields_set:
        changed["targets"] = [_with_names(target, settled) for target in settings.targets]
    return settings.model_copy(update=changed)


def check_targets(settings: Settings, document: Document) -> None:
    """Refuse targets for what is not measured: they could never be met. Raises: ExperimentError."""
    formats = [*settings.formats, *(e.format for e in settings.include if e.format)]
    threads = [*settings.threads]
    threads += [e.threads for e in settings.include if "threads" in e.model_fields_set]
    for index, target in enumerate(settings.targets):
        wanted: list[tuple[str, object, Sequence[object]]]
        wanted = [(key, name, formats) for key, name in _named(target)]
        wanted += [("threads", count, threads) for count in target.threads]
        for key, value, measured in wanted:
            if value not in measured:
                known = ", ".join(map(str, dict.fromkeys(measured)))
                message = (
                    f"{key} is {seen(value)}; expected what is measured, {known}: "
                    "add it there, or leave targets out with --set targets=null"
                )
                raise document.error(("targets", index, key), message)


def _settled(name: str, folder: Path) -> str:
    file = outside_file(name)
    found = beside(str(file), folder) if file else None
    return with_file(name, found) if found else name


def _formats(settings: Settings) -> Iterator[tuple[Location, str]]:
    for index, name in enumerate(settings.formats):
        yield ("formats", index), name
    for at, entry in _entries(settings):
        if entry.format:
            yield (*at, "format"), entry.format
    for index, target in enumerate(settings.targets):
        for key, name in _named(target):
            yield ("targets", index, key), name


def _named(target: TargetKeys) -> list[tuple[str, str]]:
    """The keys of a target that name a format, with the name; groups of formats are none."""
    given = [("faster", target.faster), ("bandwidth", target.bandwidth)]
    given += [("than", name) for name in target.rivals]
    return [(key, name) for key, name in given if name and name not in GROUPS]


def _with_names(target: TargetKeys, settled: Mapping[str, str]) -> TargetKeys:
    """The target with its formats as found."""
    changed: dict[str, Any] = {key: settled[name] for key, name in _named(target)}
    if isinstance(target.than, list):
        changed["than"] = [settled[name] for name in target.than]
    return target.model_copy(update=changed)


def _entries(settings: Settings) -> Iterator[tuple[Location, Entry]]:
    for key in ("exclude", "include"):
        for index, entry in enumerate(getattr(settings, key)):
            yield (key, index), entry


def _check_patterns(settings: Settings, document: Document) -> None:
    from spmvbench.problems.prune import NAMES

    chosen = patterns(settings)
    of_files = [index for index, name in enumerate(chosen) if name in NAMES]
    if of_files and not settings.source:
        message = (
            f"pattern {chosen[of_files[0]]} is for matrices of a file; expected a 'source' too"
        )
        raise document.error(("patterns", of_files[0]), message)
    if "densities" not in settings.model_fields_set:
        if set(chosen) != {"stored"}:
            message = "missing key 'densities'; expected a list, such as [0.1, 0.5]"
            raise document.error(("densities",), message)
    elif "stored" in chosen:
        message = "pattern stored takes matrices as they are; expected no densities beside it"
        raise document.error(("patterns", chosen.index("stored")), message)


def _check_entries(settings: Settings, document: Document) -> None:
    wrong, right = ("shape", "tensor") if settings.source else ("tensor", "shape")
    kind = "a file" if settings.source else "shapes"
    for at, entry in _entries(settings):
        if wrong in entry.model_fields_set:
            message = f"{wrong} does not go with {kind}; expected {right}"
            raise document.error((*at, wrong), message)
