"""A model as what it multiplies by: kinds of layers, at one density or several."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """A kind of layers: `count` matrices of one shape, dtype and, nearly, one density.

    `key`: the problem that was measured for all of them.
    """

    key: str
    rows: int
    cols: int
    dtype: str
    count: int
    density: float

    @property
    def elements(self) -> int:
        """Of all its matrices."""
        return self.rows * self.cols * self.count


@dataclass(frozen=True)
class Scenario:
    """The model at one density. `asked` None: as it is stored."""

    asked: float | None
    layers: tuple[Layer, ...]

    @property
    def label(self) -> str:
        """`as stored`, or `pruned to 0.5`."""
        return "as stored" if self.asked is None else f"pruned to {self.asked:g}"

    @property
    def zeros(self) -> float:
        """Share of zeros over all layers."""
        elements = sum(layer.elements for layer in self.layers)
        kept = sum(layer.density * layer.elements for layer in self.layers)
        return 1 - kept / elements if elements else 0.0


@dataclass(frozen=True)
class Model:
    """What is asked about, the fewest zeros first."""

    name: str
    batch: int
    scenarios: tuple[Scenario, ...]
