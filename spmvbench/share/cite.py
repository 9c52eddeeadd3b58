"""How to cite results: from the rows, their environments and their files, never from the clock."""

from __future__ import annotations

import re
from pathlib import Path

from spmvbench.share import manifest
from spmvbench.share.folders import Facts, facts, folders

TITLE = "spmvbench: a benchmark of sparse matrix-vector product formats for pruned neural networks"
AUTHOR = "The spmvbench authors"
"""As in CITATION.cff; a test compares them."""

_SPECIAL = re.compile(r"([&%$#_{}])")


def cite(top: Path) -> str:
    """Two BibTeX entries, of the software and of the measurements, and the same in one line.

    Raises: ResultsError where there is nothing to cite.
    """
    found = folders(top)
    known = facts(found)
    content = manifest.content_hash(manifest.entries(found))
    return f"{bibtex(known, content)}\n\n{line(known, content)}"


def line(known: Facts, content: str) -> str:
    """`llm4-v1 on AMD EPYC, measured 2026-03-31 with spmvbench 0.1.0 (commit ...), ...`"""
    what = f"{_subject(known)}, {_measured(known)} with {_with(known)}"
    return "; ".join([what, *_details(known), f"sha256 {content}"]) + "."


def bibtex(known: Facts, content: str) -> str:
    """`@software` for what measured, `@misc` for what was measured; whose it is, no row says."""
    software = {
        "title": f"{{{TITLE}}}",
        "author": f"{{{AUTHOR}}}",
        "version": _escaped(_and(known.versions)),
        "note": _escaped(f"commit {_and(known.commits)}"),
    }
    data = {
        "title": f"{{{_escaped(_subject(known))}}}",
        "year": known.measured[1][:4] if known.measured else "",
        "month": str(int(known.measured[1][5:7])) if known.measured else "",
        "howpublished": _escaped(f"Measured with {_with(known)}"),
        "note": _escaped("; ".join([_measured(known), *_details(known), f"sha256 {content}"])),
    }
    slug = re.sub(r"[^a-z0-9.]+", "-", f"{_and(known.experiments)} {_and(known.slugs)}".lower())
    return f"{_bib('software', 'spmvbench', software)}\n\n{_bib('misc', f'spmvbench-{slug}', data)}"


def _bib(kind: str, key: str, fields: dict[str, str]) -> str:
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])


def _escaped(text: str) -> str:
    """For LaTeX."""
    return _SPECIAL.sub(r"\\\1", text)


def _subject(known: Facts) -> str:
    return f"{_and(known.experiments)} on {_and(known.devices)}"


def _with(known: Facts) -> str:
    return f"spmvbench {_and(known.versions)} (commit {_and(known.commits)})"


def _measured(known: Facts) -> str:
    if known.measured is None:
        return "measured on an unknown date"
    first, last = (stamp[:10] for stamp in known.measured)
    return f"measured {first}" if first == last else f"measured {first} to {last}"


def _details(known: Facts) -> list[str]:
    words = [f"suite {one}" for one in known.suites]
    words.append(f"protocol {_and(known.protocols)}, schema {_and(known.schema_versions)}")
    return [*words, f"{known.rows} rows"]


def _and(words: list[str]) -> str:
    return ", ".join(words)
