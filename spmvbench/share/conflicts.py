"""What a merge has to choose between: the same case and device, not the same conditions."""

from __future__ import annotations

import reprlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from spmvbench.record import Record
from spmvbench.share.folders import Folder

MOST_DIFFERENCES = 5


class Place(Protocol):
    """A row and the results folder that it is from."""

    @property
    def row(self) -> Record:
        """The row."""
        ...

    @property
    def folder(self) -> Folder:
        """Where it is from."""
        ...


@dataclass(frozen=True)
class Conflict:
    """Rows of `kept` that replace as many cases of `dropped`, and what is different there."""

    group: str
    kept: str
    dropped: str
    differences: str
    rows: int = 1

    def __str__(self) -> str:
        """One line."""
        cases = f"{self.rows} case{'s' * (self.rows != 1)}"
        where = f"{cases} of {self.group}: {self.kept} is kept, not {self.dropped}"
        return f"{where}: {self.differences}"


def conflicts(group: str, pairs: Iterable[tuple[Place, Place]]) -> list[Conflict]:
    """Those pairs, the row that counts first, that differ in environment or protocol, counted."""
    found = Counter(
        (new.folder.name, old.folder.name, _differences(new, old))
        for new, old in pairs
        if (new.row.environment, new.row.protocol) != (old.row.environment, old.row.protocol)
    )
    return [Conflict(group, *names, rows=rows) for names, rows in found.items()]


def _differences(new: Place, old: Place) -> str:
    """`commit abc -> def, libraries.numpy 2.1 -> 2.2`: from the row dropped to the row kept."""
    before, after = (
        {"protocol": one.row.protocol} | _flat(one.folder.environments.get(one.row.environment, {}))
        for one in (old, new)
    )
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    words = [f"{n} {_short(before.get(n))} -> {_short(after.get(n))}" for n in names]
    more = len(words) - MOST_DIFFERENCES
    return ", ".join(words[:MOST_DIFFERENCES] + [f"and {more} more"] * (more > 0))


def _flat(entry: Mapping[str, Any]) -> dict[str, Any]:
    """One level of mappings as dotted names."""
    flat: dict[str, Any] = {}
    for name, value in sorted(entry.items()):
        flat |= (
            {f"{name}.{k}": v for k, v in value.items()}
            if isinstance(value, dict)
            else {name: value}
        )
    return flat


def _short(value: Any) -> str:
    if value is None:
        return "nothing"
    return value if isinstance(value, str) and len(value) <= 40 else reprlib.repr(value)
