"""The keys of an experiment file, each with its meaning; editors get them as JSON Schema."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from spmvbench.experiment.fields import (
    Batch,
    Cache,
    Dtype,
    FileName,
    FormatName,
    Glob,
    Name,
    OneOrMore,
    OneOrMorePairs,
    PatternName,
    Seed,
    SuiteName,
    Text,
    Threads,
)
from spmvbench.experiment.parts import (
    Densities,
    Entry,
    Keys,
    Limits,
    ShapeItem,
    TimingKeys,
)
from spmvbench.experiment.programs import Programs
from spmvbench.experiment.targets import ScaleKeys, TargetKeys


def _axis(description: str, *default: Any) -> Any:
    return Field(default_factory=lambda: list(default), min_length=1, description=description)


class Settings(Keys):
    """An experiment: every combination of the lists is measured, less `exclude`, plus `include`.

    A single value may stand where a list is expected.
    """

    model_config = ConfigDict(title="spmvbench experiment")

    name: Annotated[
        Name, Field(description="Names the results folder; default: the file's name.")
    ] = ""
    description: Annotated[Text, Field(description="What the experiment is to find out.")] = ""
    formats: Annotated[
        list[FormatName],
        Field(
            min_length=1,
            description="Formats, timed interleaved. One from elsewhere is named "
            "`package.module:Class`, `path/to/file.py:Class`, `plugin:path/to/library.so` or "
            "`torch-op:LAYOUT:PLACE:NAMESPACE::NAME`, PLACE being a module or a file; a path is "
            "looked for in the working directory, then beside this file.",
        ),
        OneOrMore(),
    ]
    suite: Annotated[
        SuiteName,
        Field(
            description="A frozen set of problems, such as `llm31-v1`: it stands for `shapes`, "
            "`densities`, `patterns`, `dtypes`, `batch` and `seeds`. `spmvbench suites` lists all."
        ),
    ] = ""
    external: Annotated[
        Programs,
        Field(
            default_factory=dict,
            description="Programs that time themselves, by name: contestants `external:NAME`, "
            "whose rows are `unverified` and in no speed-up.",
        ),
    ]
    shapes: Annotated[list[ShapeItem], OneOrMorePairs()] = _axis(
        "Matrices to generate: [rows, cols]; the name of a model, for its linear layers; or "
        "{preset: MODEL, layers: GLOB} for some of them."
    )
    source: Annotated[
        FileName,
        Field(
            description="A file to take matrices from instead of `shapes`: .safetensors, its "
            ".index.json, .mtx, .npy or .npz; or package:DIST/path, inside an installed package."
        ),
    ] = ""
    tensors: Annotated[list[Glob], OneOrMore()] = _axis(
        "Which tensors of `source`, by name or glob; default: all matrices.", "*"
    )
    densities: Densities = Field(
        default_factory=list,
        description="Shares of non-zeros, each above 0 and at most 1: a list, or {start, stop, "
        "step}, or {start, stop, num}.",
    )
    patterns: Annotated[list[PatternName], OneOrMore()] = _axis(
        "Where the non-zeros are; default: uniform. With a source, how it is pruned: `magnitude`, "
        "`magnitude-row`, N:M, or `stored` (as it is, without densities); default: magnitude, "
        "or stored where there are no densities."
    )
    dtypes: Annotated[list[Dtype], OneOrMore()] = _axis(
        "What A is rounded to before any format sees it; default: float16.", "float16"
    )
    batch: Annotated[list[Batch], OneOrMore()] = _axis(
        "Columns of x: products done at once; default: 1.", 1
    )
    cache: Annotated[list[Cache], OneOrMore()] = _axis(
        "cold: no byte of A is cached when a product starts, as when decoding a token; hot: the "
        "same buffers again and again. Default: cold.",
        "cold",
    )
    threads: Annotated[list[Threads], OneOrMore()] = _axis(
        "CPU threads; default: all, one per core.", "all"
    )
    seeds: Annotated[list[Seed], OneOrMore()] = _axis("Seeds of A and x; default: 47.", 47)
    exclude: Annotated[list[Entry], OneOrMore()] = _axis(
        "Drops the combinations that have all values of an entry. An entry that matches none is "
        "an error. Keys: shape, tensor, density, pattern, dtype, batch, cache, threads, seed, "
        "format."
    )
    include: Annotated[list[Entry], OneOrMore()] = _axis(
        "Works after `exclude`, as in GitHub Actions: an entry gives its values to every "
        "combination that it fits without changing a value from a list above; if it fits none it "
        "is a new combination, and takes what it leaves out from the lists, which then must hold "
        "one value each (all formats). An entry that changes nothing is an error."
    )
    timing: Annotated[TimingKeys, Field(description="When to stop sampling.")] = TimingKeys()
    max_elements: Annotated[
        Limits,
        Field(description="Larger matrices (rows times cols) are left out on that device."),
    ] = Limits()
    targets: Annotated[list[TargetKeys], OneOrMore()] = _axis(
        "What the run must show: each is judged on every problem that it fits, and changes nothing "
        "of what is measured."
    )
    target_scale: Annotated[
        ScaleKeys,
        Field(description="The share of every target that is asked of slower CPUs; default: all."),
    ] = ScaleKeys()
