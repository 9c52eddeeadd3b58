"""What the command line asks of a gate, and what of it a launch is told."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from spmvbench.experiment import Experiment, load
from spmvbench.gate.trees import Tree
from spmvbench.problems.locate import PREFIX, locate


@dataclass(frozen=True)
class Request:
    """Two revisions, what to measure of them, and how long.

    `out`: where the results of all launches are kept; None: they are not.
    """

    repo: Path
    base: str
    new: str
    experiment: str
    budget_s: float
    build: str = ""
    out: Path | None = None
    device: str = "auto"
    overrides: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asked:
    """An experiment as launches in a tree find it.

    `inside`: its place in the repository, where its text goes; None: it is not in there. `folder`:
    below the top of a tree, where launches run, as this process does. `words`: what they are told.
    """

    experiment: Experiment
    text: bytes
    inside: Path | None
    folder: Path
    words: tuple[str, ...]

    def put_into(self, tree: Tree) -> None:
        """Write the same text into both revisions: what they are asked must not differ."""
        if self.inside:
            path = tree.path / self.inside
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.text)


def asked(request: Request, top: Path) -> Asked:
    """The experiment as it is here and now, whatever the revisions hold under its name.

    Matrix files stay where they are: they are data, too large to be copied, and seldom tracked.
    Raises: ExperimentError for one that is not there or cannot be understood.
    """
    experiment = load(request.experiment, request.overrides)
    path = experiment.path.resolve()
    is_file = path.is_file()  # a suite is none, and the same in every revision that has it
    inside = path.relative_to(top) if is_file and path.is_relative_to(top) else None
    text = path.read_bytes() if inside else b""
    overrides = list(request.overrides)
    if (source := experiment.source) and not source.startswith(PREFIX):
        overrides.append(f"source={locate(source).resolve()}")
    at = Path.cwd().relative_to(top) if Path.cwd().is_relative_to(top) else Path()
    name = str(path) if is_file else request.experiment
    words = [os.path.relpath(inside, at) if inside else name, "--device", request.device]
    for option, values in (
        ("--set", overrides),
        ("--only", request.only),
        ("--skip", request.skip),
    ):
        words += [word for value in values for word in (option, value)]
    return Asked(experiment, text, inside, at, tuple(words))
