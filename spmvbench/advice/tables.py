"""The answer as tables: a row per kind of layer, and the totals beside their rivals."""

from __future__ import annotations

from collections.abc import Iterator

from spmvbench.advice.answer import DENSE, RIVALS, Answer, Outcome, layers_of
from spmvbench.advice.model import Layer
from spmvbench.advice.totals import Total, ratio
from spmvbench.advice.words import size, zeros
from spmvbench.record import Record
from spmvbench.stats import Interval
from spmvbench.summary.layout import SHAPE, Table
from spmvbench.summary.sentence import interval, times

_LAYERS = (SHAPE, "layers", "zeros", "format", "µs each", "bandwidth", "bytes each", "of dense")
_TOTALS = ("format", "ms/token", "95 % interval", "bytes", "speed-up", "saved")


def tables(answer: Answer) -> list[Table]:
    """Per scenario the layers, then the totals."""
    return [table for outcome in answer.outcomes for table in _tables(answer, outcome)]


def _tables(answer: Answer, outcome: Outcome) -> Iterator[Table]:
    scenario = outcome.scenario
    rows = [_layer(layer, row) for layer, row in layers_of(outcome)]
    title = f"{answer.model.name}, {scenario.label}: the best lossless format of each layer"
    note = "on every layer 16-bit dense is faster: these are the fastest sparse formats"
    yield Table(title, list(_LAYERS), rows, [note] if outcome.dense_wins else [])
    batch = f", batch {answer.model.batch}" if answer.model.batch > 1 else ""
    yield Table(
        f"All linear layers, {zeros(scenario.zeros)} zeros, on {answer.device}{batch}",
        list(_TOTALS),
        list(_totals(outcome)),
    )


def _layer(layer: Layer, row: Record) -> list[str]:
    share = row.bandwidth_share
    return [
        f"{layer.rows} x {layer.cols}",
        str(layer.count),
        zeros(1 - layer.density),
        row.format,
        f"{row.median_us or 0.0:.4g}",
        "-" if share is None else f"{100 * share:.0f} %",
        size(row.packed_bytes or 0),
        f"{100 * (row.effective_density or 0.0):.1f} %",
    ]


def _totals(outcome: Outcome) -> Iterator[list[str]]:
    dense = outcome.rivals.get(DENSE)
    if outcome.best:
        yield _total("best of each layer", outcome.best, dense)
    for name, found in sorted(outcome.formats.items(), key=lambda item: item[1].us.value):
        yield _total(f"all {name}", found, dense)
    for rival in RIVALS:
        if rival in outcome.rivals:
            lossy = "" if rival == DENSE else " dense, lossy"
            yield _total(f"{rival}{lossy}", outcome.rivals[rival], dense)


def _total(name: str, found: Total, dense: Total | None) -> list[str]:
    ms = Interval(*(us / 1e3 for us in (found.us.value, found.us.low, found.us.high)))
    saved = _saved(1 - found.nbytes / dense.nbytes) if dense else "-"
    return [
        name,
        f"{ms.value:.4g}",
        f"{ms.low:.4g}-{ms.high:.4g}",
        size(found.nbytes),
        _speedup(ratio(dense, found)) if dense else "-",
        saved,
    ]


def _speedup(found: Interval) -> str:
    bounds = interval(found.low, found.high)
    return f"{times(found.value)} ({bounds.rstrip('x')})" if found.low < found.high else "1"


def _saved(share: float) -> str:
    """`44.0 %`; `6.3 % more` of what needs more bytes than dense."""
    text = f"{100 * abs(share):.1f} %"
    return f"{text} more" if share < 0 and not text.startswith("0.0 ") else text
