"""A checkpoint's linear layers by kind: one problem stands for all that are nearly alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from spmvbench.advice.model import Layer, Model, Scenario
from spmvbench.checkpoint.meter import Meter
from spmvbench.checkpoint.stored import Checkpoint
from spmvbench.errors import CheckpointError
from spmvbench.problems import Problem, count_nonzero, safetensors_files
from spmvbench.problems.prune import check_prune
from spmvbench.problems.tensor import Entry
from spmvbench.shapes import merge, preset

GRAIN = 0.05
"""Matrices of one shape whose densities round to the same multiple are measured once."""

FEW_ZEROS = 0.01
"""Below this share a checkpoint counts as not pruned: trained weights have a stray zero or two."""

EXAMPLES = (0.7, 0.5, 0.3)
"""Densities that are measured where there is no pruned checkpoint and none is asked for."""

MEASURED_AS = {"float32": "float16"}
"""What weights are rounded to first: nobody decodes with 32 bits a weight."""


@dataclass(frozen=True)
class Facts:
    """One matrix as it is stored."""

    name: str
    rows: int
    cols: int
    dtype: str
    nnz: int

    @property
    def density(self) -> float:
        """Share of non-zeros."""
        return self.nnz / (self.rows * self.cols)


@dataclass(frozen=True)
class Question:
    """A model, and the problems whose records answer for it. `source`: the file they are from."""

    model: Model
    problems: tuple[Problem, ...]
    source: str | None = None


def scan(entries: Iterable[Entry], meter: Meter) -> list[Facts]:
    """Count the non-zeros of every matrix, one at a time."""
    found = []
    for entry in entries:
        meter.begin(entry.name)
        rows, cols = entry.shape
        if rows * cols:
            nnz = count_nonzero(safetensors_files.native(entry))
            found.append(Facts(entry.name, rows, cols, entry.dtype, nnz))
        meter.add(sum(part.nbytes for part in entry.parts.values()))
    return found


def stored_zeros(facts: Sequence[Facts]) -> float:
    """Share of zeros over all matrices."""
    return 1 - sum(f.nnz for f in facts) / max(sum(f.rows * f.cols for f in facts), 1)


def of_checkpoint(
    checkpoint: Checkpoint, facts: Sequence[Facts], densities: Sequence[float], batch: int
) -> Question:
    """The checkpoint as it is stored, where it has zeros, and pruned to each density.

    Raises: CheckpointError for a density that is not below what is stored.
    """
    zeros, source = stored_zeros(facts), str(checkpoint.path)
    for density in densities:
        if density >= 1 - zeros and zeros >= FEW_ZEROS:
            raise CheckpointError(
                f"density {density:g}: {source} has {zeros:.1%} zeros already, expected below "
                f"{1 - zeros:.3g}"
            )
    scenarios = [] if zeros < FEW_ZEROS else [_scenario(facts, source, None, batch)]
    wanted = densities if scenarios or densities else EXAMPLES
    scenarios += [_scenario(facts, source, density, batch) for density in wanted]
    return _question(checkpoint.path.name or source, batch, scenarios, source)


def of_shapes(name: str, densities: Sequence[float], batch: int) -> Question:
    """A known model's layers with generated weights, at each density.

    Raises: ExperimentError for an unknown model.
    """
    scenarios = []
    for density in densities or EXAMPLES:
        pairs = [
            Problem(
                shape.rows,
                shape.cols,
                _checked(density, "magnitude-row", shape.cols),
                batch=batch,
                tensor=shape.layer,
                model=shape.model,
                count=shape.count,
            )
            for shape in merge(preset(name))
        ]
        layers = tuple(_layer(problem, density) for problem in pairs)
        scenarios.append((Scenario(density, layers), pairs))
    return _question(name, batch, scenarios, None)


_Scenario = tuple[Scenario, list[Problem]]


def _question(
    name: str, batch: int, scenarios: Sequence[_Scenario], source: str | None
) -> Question:
    ordered = sorted(scenarios, key=lambda pair: pair[0].zeros)
    problems = {problem.key: problem for _, own in ordered for problem in own}
    model = Model(name, batch, tuple(scenario for scenario, _ in ordered))
    return Question(model, tuple(problems.values()), source)


def _scenario(facts: Sequence[Facts], source: str, density: float | None, batch: int) -> _Scenario:
    groups: dict[tuple[object, ...], list[Facts]] = {}
    for one in facts:
        level = round(one.density / GRAIN) if density is None else None
        groups.setdefault((one.rows, one.cols, one.dtype, level), []).append(one)
    layers, problems = [], []
    for group in groups.values():
        mean = sum(one.density for one in group) / len(group)
        first = min(group, key=lambda one: abs(one.density - mean))
        pattern = "stored" if density is None else "magnitude-row"
        problem = Problem(
            first.rows,
            first.cols,
            density if density is None else _checked(density, pattern, first.cols),
            MEASURED_AS.get(first.dtype, first.dtype),
            pattern,
            batch=batch,
            source=source,
            tensor=first.name,
            count=len(group),
        )
        problems.append(problem)
        layers.append(_layer(problem, mean if density is None else density))
    return Scenario(density, tuple(layers)), problems


def _layer(problem: Problem, density: float) -> Layer:
    return Layer(problem.key, problem.rows, problem.cols, problem.dtype, problem.count, density)


def _checked(density: float, pattern: str, cols: int) -> float:
    if reason := check_prune(pattern, density, cols):
        raise CheckpointError(f"--density: {reason}")
    return density
