"""A program as a format: it has a name and may be unavailable, but nothing can be called."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from spmvbench.dtypes import Array
from spmvbench.external.program import PREFIX, Program
from spmvbench.formats.base import Format, MatVec, Packed, Target
from spmvbench.problems.base import Problem


class External(Format):
    """What is run as a program and times itself: its product is never seen."""

    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    unpacks = False

    @property
    @abstractmethod
    def program(self) -> Program:
        """How it is run."""

    def unavailable(self, device: str, problem: Problem | None = None) -> str | None:
        """See `Format.unavailable`."""
        program = self.program
        if device not in program.devices:
            return f"{program.name} runs on {', '.join(program.devices)}, not {device}"
        if problem and problem.batch > 1:
            return f"{program.name} multiplies one vector, not {problem.batch}"
        if program.file is None and Path(program.first).is_file():
            return f"{program.name}: {program.first} may not be executed: chmod +x {program.first}"
        if program.file is None:
            return (
                f"{program.name}: there is no program {program.first}; build it, or mend its path"
            )
        return None

    def pack(self, dense: Array) -> Packed:
        """Raises: TypeError."""
        raise self._not_called()

    def unpack(self, packed: Packed) -> Array:
        """Raises: TypeError."""
        raise self._not_called()

    def plan(self, packed: Packed, device: Target) -> MatVec:
        """Raises: TypeError."""
        raise self._not_called()

    def _not_called(self) -> TypeError:
        return TypeError(f"{self.program.name} is a program: it is run, not called")


class Given(External):
    """A program of an experiment's `external`."""

    def __init__(self, program: Program) -> None:
        """The format `external:NAME`."""
        self._program = program

    @property
    def program(self) -> Program:
        """See `External.program`."""
        return self._program


def given(name: str, programs: Sequence[Program]) -> Given | None:
    """The format of that name among an experiment's programs; None where it is none of them."""
    return next((Given(one) for one in programs if name == f"{PREFIX}{one.name}"), None)
