"""A comparison as text, Markdown, JSON, or for the steps of a GitHub workflow."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from math import isfinite
from statistics import median
from typing import TYPE_CHECKING, Any

from spmvbench.compare.line import (
    AMBIGUOUS,
    FASTER,
    MISSING,
    SLOWER,
    UNMEASURABLE,
    VERDICTS,
    WRONG,
    Comparison,
    Line,
    exit_code,
)
from spmvbench.compare.words import columns, words
from spmvbench.errors import UserError
from spmvbench.summary.layout import SHAPE, Table, show, to_markdown

if TYPE_CHECKING:
    from rich.console import Console

SHOWN = 40
"""Lines of a table; JSON has them all."""

RATIO = "new / base"

STYLES = {
    WRONG: "red",
    SLOWER: "red",
    FASTER: "green",
    AMBIGUOUS: "yellow",
    UNMEASURABLE: "yellow",
    MISSING: "yellow",
}


def render(comparison: Comparison, form: str) -> str:
    """The comparison as `text`, `md`, `json`, `github` or `benchmark-action`.

    Raises: UserError for another form.
    """
    if form not in FORMS:
        raise UserError(f"--format {form}: expected one of {', '.join(FORMS)}")
    return FORMS[form](comparison)


def show_text(comparison: Comparison, console: Console) -> None:
    """Print the table, the worst first, what to know of it, and the sentence."""
    if comparison.lines:
        show(_table(comparison), console)
    console.print(f"\n{sentence(comparison)}".lstrip(), highlight=False, soft_wrap=True)


def sentence(comparison: Comparison) -> str:
    """`noise floor 0.8 %; 1 slower, 38 same, 3 unmeasurable; 1 is worse`."""
    if comparison.incomparable:
        return comparison.incomparable
    floors = [x.noise_floor for x in comparison.lines if isfinite(x.noise_floor)]
    count = Counter(line.verdict for line in comparison.lines)
    said = ", ".join(f"{count[name]} {name}" for name in VERDICTS if count[name])
    worse = sum(line.worse for line in comparison.lines)
    ends = [f"noise floor {_percent(median(floors))}"] if floors else []
    ends += [said or "no case in common", f"{worse or 'nothing'} {_is(worse)} worse"]
    return "; ".join(ends)


def _is(number: int) -> str:
    return "are" if number > 1 else "is"


def _text(comparison: Comparison) -> str:
    from rich.console import Console

    text = io.StringIO()
    show_text(comparison, Console(file=text))
    return "\n".join(line.rstrip() for line in text.getvalue().strip("\n").splitlines())


def _markdown(comparison: Comparison) -> str:
    blocks = [to_markdown(_table(comparison))] if comparison.lines else []
    return "\n\n".join([*blocks, sentence(comparison)])


def _table(comparison: Comparison) -> Table:
    lines = comparison.lines[:SHOWN]
    common, differing = columns(comparison.lines)
    own: dict[str, Callable[[Line], str]] = {
        "base µs": lambda x: _number(x.base_us),
        "new µs": lambda x: _number(x.new_us),
        RATIO: _ratio,
        "noise floor": lambda x: _percent(x.noise_floor),
        "verdict": lambda x: x.verdict,
    }
    rows = [
        [x.format, *(what[name] for name in differing), *(cell(x) for cell in own.values())]
        for x, what in ((x, words(x)) for x in lines)
    ]
    notes = [*comparison.notes, *_reasons(lines)]
    if left := len(comparison.lines) - len(lines):
        notes.append(f"and {left} more, none worse than these; --format json has them all")
    header = ["format", *differing, *own]
    title = " · ".join(["New against base", *common])
    whole = ["verdict", "format", SHAPE, RATIO]
    return Table(title, header, rows, notes, whole=whole, styles=STYLES)


def _reasons(lines: Sequence[Line]) -> list[str]:
    """What is worse, case by case; the other remarks of lines, each once."""
    worse = [f"worse: {_described(line)}" for line in lines if line.worse]
    count = Counter((x.verdict, x.reason) for x in lines if x.reason and not x.worse)
    few = [f"{number} {verdict}: {reason}" for (verdict, reason), number in count.items()]
    return [*worse, *few]


def _described(line: Line) -> str:
    """`macko 4096x4096/... cold 2t: slower, 1.051 (1.043-1.060), 100 µs -> 105 µs`."""
    times = [_ratio(line), f"{_number(line.base_us)} µs -> {_number(line.new_us)} µs"]
    said = [line.verdict, *(times if isfinite(line.ratio) else []), line.reason]
    return f"{line.case}: {', '.join(filter(None, said))}"


def _json(comparison: Comparison) -> str:
    found: dict[str, Any] = {
        "exit_code": exit_code(comparison),
        "sentence": sentence(comparison),
        "incomparable": comparison.incomparable,
        "options": asdict(comparison.options),
        "notes": list(comparison.notes),
        "lines": [_finite(asdict(line)) for line in comparison.lines],
    }
    return json.dumps(found, indent=1)


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN and no infinity."""
    odd = {k for k, v in values.items() if isinstance(v, float) and not isfinite(v)}
    return {k: None if k in odd else v for k, v in values.items()}


def _github(comparison: Comparison) -> str:
    """Annotations: an error for what is worse, a warning for what may be, a notice at the end."""
    said = []
    for line in comparison.lines:
        if line.worse:
            said.append(_annotation("error", _described(line)))
        elif line.verdict in (SLOWER, AMBIGUOUS, WRONG):
            said.append(_annotation("warning", _described(line)))
    said += [_annotation("warning", note) for note in comparison.notes]
    kind = "error" if comparison.incomparable else "notice"
    return "\n".join([*said, _annotation(kind, sentence(comparison))])


def _annotation(kind: str, text: str) -> str:
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return f"::{kind} title=spmvbench compare::{escaped}"


def _benchmark_action(comparison: Comparison) -> str:
    """The new side's times as github-action-benchmark reads them (customSmallerIsBetter)."""
    timed = [line for line in comparison.lines if isfinite(line.new_us)]
    found = [
        {
            "name": f"{line.experiment} {line.case}",
            "unit": "us",
            "value": float(f"{line.new_us:.7g}"),
            "range": f"± {_percent(line.noise_floor)}",
            "extra": f"{line.verdict}: {_ratio(line)} of {_number(line.base_us)} µs",
        }
        for line in timed
    ]
    return json.dumps(found, indent=1, ensure_ascii=False)


def _ratio(line: Line) -> str:
    if not isfinite(line.ratio):
        return "-"
    return f"{line.ratio:.3f} ({line.low:.3f}-{line.high:.3f})"


def _percent(share: float) -> str:
    if not isfinite(share):
        return "-"
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def _number(us: float) -> str:
    if not isfinite(us):
        return "-"
    return f"{us:.0f}" if us >= 1000 else f"{us:.4g}"


FORMS: dict[str, Callable[[Comparison], str]] = {
    "text": _text,
    "md": _markdown,
    "json": _json,
    "github": _github,
    "benchmark-action": _benchmark_action,
}
