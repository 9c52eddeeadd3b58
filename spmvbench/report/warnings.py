"""What to know before a number of the page is trusted, a line each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
import yaml

from spmvbench.curves import Part, text
from spmvbench.report.provenance import DIRTY, UNKNOWN, flat
from spmvbench.report.sources import Folder, Sources
from spmvbench.summary import leftovers
from spmvbench.summary.flags import flags
from spmvbench.summary.tables import missing_dense


def warnings(sources: Sources, parts: Sequence[Part]) -> list[str]:
    """In order of weight; none where nothing is to be doubted."""
    return [
        *leftovers(sources.records),
        *_no_dense(parts),
        *_flags(parts),
        *_commits(sources),
        *_mixed(sources, parts),
        *_not_asked(sources),
    ]


def _no_dense(parts: Sequence[Part]) -> Iterator[str]:
    for part in parts:
        if missing := missing_dense(part):
            yield f"{' · '.join([part.condition.experiment, *part.condition.words])}: {missing}"


def _flags(parts: Sequence[Part]) -> Iterator[str]:
    timed = [part.timed for part in parts if len(part.timed)]
    if timed and (said := flags(pd.concat(timed))):
        yield said


def _commits(sources: Sources) -> Iterator[str]:
    count = text(sources.records["environment"]).value_counts()
    for name, number in count.items():
        entry = sources.environments.get(str(name))
        rows = f"{number} row{'s' * (number != 1)}"
        if entry is None:
            yield f"{rows}: environment {name or 'none'} is not in environment.json"
            continue
        commit = str(entry.get("commit", UNKNOWN))
        if commit.endswith(DIRTY):
            yield f"{rows}: measured with changes beside commit {commit.removesuffix(DIRTY)}"
        elif commit == UNKNOWN:
            yield f"{rows}: commit not known; source_hash {entry.get('source_hash', UNKNOWN)}"


def _mixed(sources: Sources, parts: Sequence[Part]) -> Iterator[str]:
    """Conditions whose rows are not from one environment, or not by one set of rules."""
    for part in parts:
        where = " · ".join([part.condition.experiment, *part.condition.words])
        ids = list(dict.fromkeys(text(part.timed["environment"])))
        if len(ids) > 1:
            entries = [flat(sources.environments.get(name, {})) for name in ids]
            names = sorted({name for entry in entries for name in entry})
            differ = [n for n in names if len({entry.get(n) for entry in entries}) > 1]
            what = f", which differ in {', '.join(differ)}" if differ else ""
            yield f"{where}: rows of {len(ids)} environments{what}"
        rules = part.timed["protocol"].nunique()
        if rules > 1:
            yield f"{where}: rows of {rules} protocols: rules or timing settings differ"


def _not_asked(sources: Sources) -> Iterator[str]:
    """Formats that an experiment asks for and that have no row, as after `--only`."""
    for folder in sources.folders:
        there = set(folder.rows(sources.records)["format"])
        absent = [name for name in _formats(folder) if name not in there]
        if absent:
            yield f"{folder.label}: no row of {', '.join(absent)}, which the experiment asks for"


def _formats(folder: Folder) -> list[str]:
    try:
        found: Any = yaml.safe_load(folder.text)
    except yaml.YAMLError:
        return []
    asked = found.get("formats", []) if isinstance(found, dict) else []
    return [str(name) for name in asked] if isinstance(asked, list) else []
