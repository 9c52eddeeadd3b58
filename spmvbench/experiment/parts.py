"""The parts of an experiment file that are mappings themselves, each key with its meaning."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from spmvbench import shapes
from spmvbench.case import Timing
from spmvbench.errors import ExperimentError
from spmvbench.experiment.fields import (
    MOST_CASES,
    Batch,
    Cache,
    Count,
    Density,
    Dtype,
    FormatName,
    Glob,
    OneOrMore,
    Pair,
    PatternName,
    Preset,
    PresetAlone,
    Samples,
    Seconds,
    Seed,
    Share,
    Threads,
    said,
)


class Keys(BaseModel):
    """A mapping that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PresetPart(Keys):
    """Some layers of a model."""

    preset: Annotated[Preset, Field(description="The model.")]
    layers: Annotated[Glob, Field(description="Which layers, as a glob, such as `*_proj`.")] = "*"

    @model_validator(mode="after")
    def _layers_exist(self) -> PresetPart:
        try:
            shapes.preset(self.preset, self.layers)
        except ExperimentError as error:
            raise said(str(error)) from None
        return self


class DensityRange(Keys):
    """Densities at even distances, `stop` included where a step meets it."""

    start: Annotated[Density, Field(description="The first density.")]
    stop: Annotated[Density, Field(description="The last density, at least `start`.")]
    step: Annotated[Density | None, Field(description="The distance; or give `num`.")] = None
    num: Annotated[Count | None, Field(description="How many, 2 or more; or give `step`.")] = None

    @model_validator(mode="after")
    def _one_way(self) -> DensityRange:
        if (self.step is None) == (self.num is None):
            raise said("expected either step or num beside start and stop")
        if self.stop < self.start:
            raise said(f"stop {self.stop:g} is below start {self.start:g}")
        if self.num == 1:
            raise said(f"num is {self.num}; expected 2 or more")
        if self._count > MOST_CASES:
            raise said(f"{self._count:,} densities; expected at most {MOST_CASES:,}")
        return self

    @property
    def _count(self) -> int:
        # A millionth of a step more: (1 - 0.1) / 0.1 is just below 9.
        return self.num or int((self.stop - self.start) / (self.step or 1) + 1e-6) + 1

    def values(self) -> list[float]:
        """The densities as one would type them: 0.3, not 0.30000000000000004."""
        step = self.step or (self.stop - self.start) / (self._count - 1)
        return [float(f"{self.start + i * step:.6g}") for i in range(self._count)]


def _without_defaults(schema: dict[str, Any]) -> None:
    for value in schema["properties"].values():
        value.pop("default", None)


class Entry(Keys):
    """Some values of one combination, as in the matrix of a GitHub Actions workflow."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)

    shape: Annotated[Pair, Field(description="[rows, cols]")] = (0, 0)
    tensor: Annotated[Glob, Field(description="With a source: a name or a glob.")] = ""
    density: Annotated[Density, Field(description="One density.")] = 0.0
    pattern: Annotated[PatternName, Field(description="One pattern.")] = ""
    dtype: Annotated[Dtype, Field(description="One dtype.")] = "float16"
    batch: Annotated[Batch, Field(description="One batch size.")] = 1
    cache: Annotated[Cache, Field(description="One cache state.")] = "cold"
    threads: Annotated[Threads, Field(description="One number of threads, or `all`.")] = "all"
    seed: Annotated[Seed, Field(description="One seed.")] = 47
    format: Annotated[FormatName, Field(description="One format.")] = ""

    @model_validator(mode="after")
    def _says_something(self) -> Entry:
        if not self.model_fields_set:
            raise said(f"names nothing; expected some of {', '.join(Entry.model_fields)}")
        return self

    @property
    def given(self) -> dict[str, Any]:
        """The keys that stand in the file with their values; the defaults above are never used."""
        known = Entry.model_fields
        return {key: getattr(self, key) for key in known if key in self.model_fields_set}


class TimingKeys(Keys):
    """When to stop sampling, and when to give up."""

    budget_s: Annotated[Seconds, Field(description="Seconds of sampling per format.")] = (
        Timing.budget_s
    )
    precision: Annotated[
        Share,
        Field(
            description="Sampling ends when the 95 % interval of the median is this narrow: its "
            "half-width as a share of the median."
        ),
    ] = Timing.precision
    min_samples: Annotated[Samples, Field(description="Fewest samples per format.")] = (
        Timing.min_samples
    )
    timeout_s: Annotated[
        Seconds,
        Field(description="The longest one step (pack, plan, one product) of a format may take."),
    ] = Timing.timeout_s


class Limits(Keys):
    """The largest matrix to measure, per device, in elements (rows times cols)."""

    cpu: Annotated[Count | None, Field(description="On a CPU; null: no limit.")] = None
    cuda: Annotated[Count | None, Field(description="On a GPU; null: no limit.")] = None


def _kind_of_shape(value: Any) -> str:
    """As written, or as validated: writing the settings out asks too."""
    if isinstance(value, list | tuple):
        return "<pair>"
    return "<part>" if isinstance(value, dict | PresetPart) else "<preset>"


def _kind_of_densities(value: Any) -> str:
    return "<range>" if isinstance(value, dict) else "<list>"


def _values(either: list[float] | DensityRange) -> list[float]:
    return either.values() if isinstance(either, DensityRange) else either


ShapeItem = Annotated[
    Annotated[Pair, Tag("<pair>")]
    | Annotated[PresetAlone, Tag("<preset>")]
    | Annotated[PresetPart, Tag("<part>")],
    Discriminator(_kind_of_shape),
]

Densities = Annotated[
    Annotated[list[Density], Field(min_length=1), OneOrMore(), Tag("<list>")]
    | Annotated[DensityRange, Tag("<range>")],
    Discriminator(_kind_of_densities),
    AfterValidator(_values),
]
"""Always a list once validated."""
