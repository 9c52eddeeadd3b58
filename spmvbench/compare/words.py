"""A case in the words of a table: what all lines have in common, and what tells them apart."""

from __future__ import annotations

from collections.abc import Sequence

from spmvbench.compare.line import Line
from spmvbench.summary.layout import SHAPE

PARTS = (SHAPE, "density", "dtype", "pattern", "batch", "seed", "source")
"""Of a key, in its order."""

ALWAYS = (SHAPE, "density")


def words(line: Line) -> dict[str, str]:
    """Column -> what stands there. The source is the tensor where the file has several."""
    found = dict.fromkeys(PARTS, "")
    found |= dict(zip(PARTS, line.key.split("/", len(PARTS) - 1), strict=False))
    found[SHAPE] = found[SHAPE].replace("x", " x ")
    found["source"] = found["source"].rpartition("#")[2]
    for name in ("density", "batch", "seed"):
        found[name] = found[name][1:]
    return {
        **found,
        "cache": line.cache,
        "threads": str(line.threads or ""),
        "device": line.device,
        "experiment": line.experiment,
    }


def columns(lines: Sequence[Line]) -> tuple[list[str], list[str]]:
    """What all lines have in common, in words, and the columns in which they differ."""
    values: dict[str, dict[str, None]] = {}
    for line in lines:
        for name, word in words(line).items():
            values.setdefault(name, {})[word] = None
    differing = [name for name in values if len(values[name]) > 1 or name in ALWAYS]
    plain = ("device", "experiment", "dtype", "pattern", "source")
    order = ["experiment", "device", *(name for name in values if name not in plain[:2])]
    common = {name: next(iter(values[name])) for name in order if name not in differing}
    said = [word if name in plain else f"{name} {word}" for name, word in common.items() if word]
    return said, differing
