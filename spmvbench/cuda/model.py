"""Which GPU is in use, in the words by which results and tables name it."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Model:
    """`slug`: the name of its results folders."""

    slug: str
    multiprocessors: int


def current() -> Model:
    """CuPy's current device."""
    import cupy

    facts = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
    return Model(slug(name(facts["name"])), int(facts["multiProcessorCount"]))


def name(told: bytes | str) -> str:
    """`NVIDIA H200`: CuPy has bytes."""
    return told.decode() if isinstance(told, bytes) else str(told)


def slug(model: str) -> str:
    """`nvidia-h200`."""
    return "-".join(re.findall(r"[a-z0-9]+", model.lower()))
