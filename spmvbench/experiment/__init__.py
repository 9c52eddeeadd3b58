"""An experiment: a YAML file that says what to measure, and the cases that it stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from spmvbench.case import Case, Timing
from spmvbench.claim import Targets
from spmvbench.experiment import document as yaml_text
from spmvbench.experiment import expand, files
from spmvbench.experiment.checks import (
    OF_A_SUITE,
    check,
    check_targets,
    expand_suite,
    settle_formats,
)
from spmvbench.experiment.document import Document
from spmvbench.experiment.files import shipped
from spmvbench.experiment.matrix import Combination
from spmvbench.experiment.programs import as_programs
from spmvbench.experiment.schema import Settings
from spmvbench.experiment.wording import explain
from spmvbench.external.program import Program

__all__ = ["Experiment", "json_schema", "load", "shipped", "stored_targets"]


@dataclass(frozen=True)
class Experiment:
    """What a file and its overrides ask for."""

    path: Path
    _settings: Settings = field(repr=False)
    _document: Document = field(repr=False)

    @property
    def name(self) -> str:
        """Names the results folder."""
        return self._settings.name

    @property
    def description(self) -> str:
        """What it is to find out, in the words of the file."""
        return self._settings.description

    @property
    def timing(self) -> Timing:
        """When to stop sampling, and when to give up."""
        return Timing(**self._settings.timing.model_dump())

    @property
    def formats(self) -> tuple[str, ...]:
        """The names of all formats that it measures, those of `include` last."""
        return tuple(dict.fromkeys(one.format for one in self._combinations))

    @property
    def programs(self) -> tuple[Program, ...]:
        """The programs that it runs."""
        return as_programs(self._settings.external)

    @property
    def source(self) -> str | None:
        """The file that its matrices are from; None: they are generated."""
        return self._settings.source

    @property
    def targets(self) -> Targets:
        """What its results must show."""
        return _targets(self._settings)

    @property
    def canonical(self) -> str:
        """The settings as YAML, overrides applied; as a file it gives the same cases again.

        Only lists that were written stand here: `include` tells them from defaults.
        """
        implied = set(OF_A_SUITE) if self._settings.suite else None
        plain = self._settings.model_dump(mode="json", exclude_unset=True, exclude=implied)
        plain |= {"timing": asdict(self.timing)}
        plain = {key: plain[key] for key in Settings.model_fields if key in plain}
        return yaml.safe_dump(
            plain, sort_keys=False, default_flow_style=None, allow_unicode=True, width=100
        )

    def cases(self, device: str, cores: int) -> list[Case]:
        """What to measure on `device` (cpu or cuda), in order; `cores` is what all threads are.

        A GPU's products use no CPU threads: there `threads` makes no difference and is 0.
        Raises: ExperimentError for what this machine has too little of, or when nothing is left.
        """
        kept = self._kept(device)[0]
        if not kept:
            limit = getattr(self._settings.max_elements, device)
            message = f"max_elements.{device} is {limit}, below every size; expected a larger one"
            raise self._document.error(("max_elements", device), message)
        expand.check_memory(kept, self._settings, self._document)
        if device == "cpu":
            expand.check_cores(kept, self._settings, self._document, cores)
        else:
            kept = [one._replace(threads=0) for one in kept]
        source = self._settings.source or None
        cases = expand.group(kept, self.name, self.timing, source, cores)
        return [replace(case, programs=self.programs) for case in cases]

    def left_out(self, device: str) -> int:
        """How many sizes, or tensors of a source, are above `max_elements` of a device."""
        return self._kept(device)[1]

    def _kept(self, device: str) -> tuple[list[Combination], int]:
        limit: int | None = getattr(self._settings.max_elements, device)
        return expand.small_enough(self._combinations, limit)

    @cached_property
    def _combinations(self) -> list[Combination]:
        return expand.combinations(self._settings, self._document)


def load(name_or_path: str, overrides: Sequence[str] = ()) -> Experiment:
    """The experiment of a path, shipped name or `suite:NAME`, with overrides applied in turn.

    Files that `source` and `formats` name are looked for in the working directory, then beside the
    experiment. A source itself is read when cases are asked for.
    Raises: ExperimentError, one line: file and line, or override; value seen; what was expected.
    """
    path, raw = files.find_and_read(name_or_path)
    document = yaml_text.read(raw, str(path), overrides)
    settings = expand_suite(_settings(path, document), document)
    check(settings, document)
    settings = settle_formats(settings, document, path.parent)
    check_targets(settings, document)
    if settings.source:
        found = files.beside(settings.source, path.parent) or settings.source
        settings = settings.model_copy(update={"source": found})
    return Experiment(path, settings, document)


def stored_targets(path: Path) -> Targets:
    """The targets in the experiment file of a results folder.

    No file that it names is looked for: those may be on the machine that measured.
    Raises: ExperimentError for a file that no run wrote.
    """
    return _targets(_settings(path, yaml_text.read(files.read(path), str(path))))


def _settings(path: Path, document: Document) -> Settings:
    try:
        return Settings.model_validate({"name": path.stem} | document.data)
    except ValidationError as invalid:
        raise explain(invalid, document) from None


def _targets(settings: Settings) -> Targets:
    claims = tuple(target.claim for target in settings.targets)
    return Targets(claims, settings.target_scale.model_dump())


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of an experiment file, from which editors complete it."""
    schema = Settings.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
