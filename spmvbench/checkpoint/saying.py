"""An answer on standard output: tables and sentences, Markdown, or JSON."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path

from rich.console import Console

from spmvbench.advice.answer import Answer, Bound
from spmvbench.advice.picture import picture
from spmvbench.advice.plain import plain, plain_bound
from spmvbench.advice.tables import tables
from spmvbench.advice.words import bound_sentence, sentences
from spmvbench.checkpoint.advise import Advice
from spmvbench.ending import wrote
from spmvbench.summary.layout import escaped, show, to_markdown


class Printed(StrEnum):
    """How an answer is printed."""

    text = "text"
    md = "md"
    json = "json"


def say(advice: Advice, bound: Bound | None, form: Printed) -> None:
    """Print the answer, and draw it where there are densities enough."""
    found = advice.answer
    files = picture(found, advice.folder / "plots", _file_name(found))
    said = sentences(found) + ([bound_sentence(bound, found)] if bound else [])
    if form is Printed.json:
        bounds = {"quality": plain_bound(bound, found)} if bound else {}
        print(json.dumps({**plain(found), **bounds}, indent=2))
    elif form is Printed.md:
        blocks = [*map(to_markdown, tables(found)), "\n".join(f"- {escaped(s)}" for s in said)]
        print("\n\n".join(blocks))
    else:
        _show(found, said, [file for file in files if file.suffix == ".png"])


def _show(found: Answer, said: list[str], pictures: list[Path]) -> None:
    console = Console()
    for table in tables(found):
        show(table, console)
    console.print()
    for line in said:
        console.print(line, highlight=False, markup=False)
    for file in pictures:
        console.print(f"\n{wrote(file)}", highlight=False, markup=False, soft_wrap=True)


def _file_name(found: Answer) -> str:
    words = "".join(c if c.isalnum() or c in ".-" else "-" for c in found.model.name)
    return f"advice_{words}_b{found.model.batch}"
