"""A problem: a matrix A and vectors x, fully determined by a few words of YAML."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """Everything that determines the bytes of A and x.

    `density` is None for a matrix taken as it is stored in a file.
    `source` and `tensor` name a file and what is taken from it; None: the matrix is generated.
    `model`, `tensor` and `count` of a generated problem are labels: whose layer has this shape, and
    how often the model multiplies by it. Labels are no part of the key.
    """

    rows: int
    cols: int
    density: float | None
    dtype: str = "float16"
    pattern: str = "uniform"
    seed: int = 47
    batch: int = 1
    source: str | None = None
    tensor: str = ""
    model: str = ""
    count: int = 1

    @property
    def elements(self) -> int:
        """Rows times columns: a Python int, so it cannot overflow."""
        return self.rows * self.cols

    @property
    def key(self) -> str:
        """Its name in results: `4096x4096/d0.5/float16/uniform/b1/s47`, file and tensor last."""
        density = "stored" if self.density is None else f"{self.density:g}"
        words = [
            f"{self.rows}x{self.cols}",
            f"d{density}",
            self.dtype,
            self.pattern,
            f"b{self.batch}",
            f"s{self.seed}",
        ]
        if self.source:
            words.append(f"{self.source}#{self.tensor}")
        return "/".join(words)
