"""A share of an experiment's cases, so that several machines or jobs can measure it together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from spmvbench.case import Case
from spmvbench.errors import ExperimentError
from spmvbench.predict import seconds


@dataclass(frozen=True)
class Shard:
    """The `index`-th of `count` shares, counted from 1."""

    index: int
    count: int

    def __str__(self) -> str:
        """As on the command line: `1/4`."""
        return f"{self.index}/{self.count}"

    def of(self, cases: Sequence[Case]) -> list[Case]:
        """Its cases, in their order: every case is in one share, and shares take about as long.

        The longest case goes to the share that has the least so far, and so on. Only the
        experiment decides, not what is measured already, so that jobs need not know of each other.
        Raises: ExperimentError for more shares than cases.
        """
        if self.count > len(cases):
            raise ExperimentError(
                f"--shard {self}: there are {len(cases)} cases; expected at most as many shares"
            )
        total_s = [0.0] * self.count
        mine = []
        for place in sorted(range(len(cases)), key=lambda i: (-seconds(cases[i]), i)):
            least = total_s.index(min(total_s))
            total_s[least] += seconds(cases[place])
            if least == self.index - 1:
                mine.append(place)
        return [cases[place] for place in sorted(mine)]


def parse(text: str) -> Shard:
    """The shard that `i/n` means. Raises: ExperimentError."""
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if match:
        shard = Shard(int(match[1]), int(match[2]))
        if 1 <= shard.index <= shard.count:
            return shard
    raise ExperimentError(f"--shard {text}: expected i/n with i from 1 to n, such as 1/4")
