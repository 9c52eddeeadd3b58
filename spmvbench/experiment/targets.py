"""The targets of an experiment file: claims about ratios, and which share a CPU is asked for."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from spmvbench.claim import GROUPS, Claim
from spmvbench.errors import did_you_mean
from spmvbench.experiment.fields import (
    FormatName,
    OneOrMore,
    OneOrMorePairs,
    Pair,
    Threads,
    Word,
    expect,
    said,
)
from spmvbench.experiment.parts import Densities, Keys

RIVAL = f"the name of a format, a list of names, or one of {', '.join(GROUPS)}"


def _known_group(name: str) -> str:
    """A name with a space can only be meant as a group; a path may have spaces too."""
    if " " in name and ":" not in name and name not in GROUPS:
        near = did_you_mean(name, GROUPS)
        raise said(f"unknown group '{name}'{near}{' E' if near else '; e'}xpected {RIVAL}")
    return name


def _kind(value: Any) -> str:
    return "<several>" if isinstance(value, list) else "<one>"


Rival = Annotated[Word, expect(RIVAL), AfterValidator(_known_group)]
Rivals = Annotated[
    Annotated[Rival, Tag("<one>")]
    | Annotated[list[FormatName], Field(min_length=1), Tag("<several>")],
    Discriminator(_kind),
]
Ratio = Annotated[
    float, Field(strict=True, gt=0, le=1e6), expect("a ratio above 0, such as 1.35 or 0.8")
]
Asked = Annotated[
    float, Field(strict=True, ge=0, le=1), expect("a share from 0, nothing, to 1, all of it")
]


class TargetKeys(Keys):
    """A ratio that a run must show: of the times of two formats, or of the read bandwidth."""

    faster: Annotated[FormatName, Field(description="The format claimed to be faster.")] = ""
    than: Annotated[
        Rivals,
        Field(
            description="What it is faster than: a format; a list of formats, of which the fastest "
            "counts that has a time; `best 16-bit dense` (the fastest lossless dense format of the "
            "run that stores 16-bit values) or `best 16-bit` (the same, sparse ones too)."
        ),
    ] = ""
    bandwidth: Annotated[
        FormatName,
        Field(description="Instead of `faster`: the format whose share of the bandwidth counts."),
    ] = ""
    shapes: Annotated[list[Pair], OneOrMorePairs()] = Field(
        default_factory=list, min_length=1, description="[rows, cols]; default: all measured."
    )
    densities: Densities = Field(
        default_factory=list, description="Densities, as above; default: all measured."
    )
    threads: Annotated[list[Threads], OneOrMore()] = Field(
        default_factory=list, min_length=1, description="CPU threads; default: all measured."
    )
    at_least: Annotated[
        Ratio,
        Field(
            description="The ratio of medians, time of `than` over time of `faster`, or the share "
            "of the read bandwidth, that meets the target."
        ),
    ]
    beyond: Annotated[
        Ratio | None, Field(description="The ratio that is better than expected.")
    ] = None

    @model_validator(mode="after")
    def _one_kind(self) -> TargetKeys:
        if bool(self.faster) == bool(self.bandwidth):
            both = ", not both" if self.faster else ""
            raise said(f"expected either faster and than, or bandwidth{both}")
        if self.bandwidth and self.than:
            raise said("than goes with faster; a bandwidth is compared with no other format")
        if self.faster and not self.than:
            raise said(f"missing key 'than'; expected {RIVAL}")
        if isinstance(self.than, list) and (groups := [n for n in self.than if n in GROUPS]):
            raise said(f"than lists '{groups[0]}', which stands alone; expected {RIVAL}")
        if self.faster in self.rivals:
            raise said(f"than is '{self.faster}' as faster is; expected another format")
        if self.bandwidth and self.at_least > 1:
            raise said(f"at_least is {self.at_least:g}; expected a share of at most 1")
        if self.beyond is not None and self.beyond <= self.at_least:
            raise said(f"beyond is {self.beyond:g}; expected more than at_least, {self.at_least:g}")
        return self

    @property
    def rivals(self) -> list[str]:
        """The names in `than`: of formats, or of a group."""
        named = self.than if isinstance(self.than, list) else [self.than]
        return [name for name in named if name]

    @property
    def claim(self) -> Claim:
        """The same without the words of the file."""
        densities = self.densities if isinstance(self.densities, list) else self.densities.values()
        than = tuple(self.than) if isinstance(self.than, list) else self.than or None
        return Claim(
            self.faster or self.bandwidth,
            than,
            self.at_least,
            self.beyond,
            tuple(self.shapes),
            tuple(densities),
            tuple(self.threads),
        )


class ScaleKeys(Keys):
    """The share of every target that is asked of a CPU, by what vector instructions it has."""

    avx512: Annotated[Asked, Field(description="AVX-512 with VBMI2.")] = 1.0
    avx2: Annotated[Asked, Field(description="AVX2 with FMA and F16C.")] = 1.0
    generic: Annotated[Asked, Field(description="Any other; 0: only right products.")] = 1.0
