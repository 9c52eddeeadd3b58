"""From two sides to lines: the cases that either has, and the verdict on each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import exp, expm1, isfinite

from spmvbench.compare.estimate import Estimate, against_baseline, time
from spmvbench.compare.evidence import BETWEEN_LAUNCHES, ENOUGH, evidence
from spmvbench.compare.exact import changes
from spmvbench.compare.line import (
    AMBIGUOUS,
    FASTER,
    MISSING,
    SAME,
    SLOWER,
    UNMEASURABLE,
    VERDICTS,
    WRONG,
    Comparison,
    Line,
    Options,
)
from spmvbench.compare.places import joined
from spmvbench.compare.side import BROKEN, Case, Place, Side, status
from spmvbench.record import Record

FEW_LAUNCHES = (
    "fewer than three process starts a side: two are taken to differ by "
    f"{100 * BETWEEN_LAUNCHES:.0f} % (one standard deviation) at least; "
    "measure with --launches 3 or more, or name more folders"
)


def compare(base: Side, new: Side, options: Options) -> Comparison:
    """Every case of the places that both sides have, the worst first."""
    join = joined(base, new, across_machines=options.across_machines)
    if join.incomparable:
        return Comparison([], options, join.incomparable)
    pairs = [
        _Pair(place, case, before.get(case, ()), after.get(case, ()), options)
        for place, before, after in join.pairs
        for case in dict.fromkeys((*before, *after))
    ]
    lines = [line for pair in pairs if (line := pair.without_times())]
    timed = [pair for pair in pairs if pair.timed]
    lines += _judged(timed, options)
    few = any(sum(e.launches for e in pair.estimates) - 2 < ENOUGH for pair in timed)
    notes = [*join.notes, *([FEW_LAUNCHES] if few else [])]
    return Comparison(sorted(lines, key=_rank), options, notes=notes)


def _rank(line: Line) -> tuple[bool, int, float]:
    slower = line.ratio if isfinite(line.ratio) else 0.0
    return (not line.worse, list(VERDICTS).index(line.verdict), -slower)


@dataclass(frozen=True)
class _Pair:
    """The rows of one case on both sides."""

    place: Place
    case: Case
    base: Sequence[Record]
    new: Sequence[Record]
    options: Options

    @property
    def statuses(self) -> tuple[str, str]:
        """Of base and new; "" without a row."""
        return status(self.base), status(self.new)

    @property
    def line(self) -> Line:
        """What is known before anything was compared."""
        return Line(self.place.experiment, self.place.device, *self.case, verdict=MISSING)

    @cached_property
    def estimates(self) -> list[Estimate]:
        """What is compared, of base and new, as far as there is any."""
        read = against_baseline if self.options.across_machines else time
        return [e for e in (read(self.base), read(self.new)) if e]

    @property
    def is_unit(self) -> bool:
        """Whether it is the baseline that speed-ups are over: it has none itself."""
        return self.options.across_machines and all(
            row.baseline == row.format for row in (*self.base, *self.new)
        )

    @property
    def timed(self) -> bool:
        """Whether there are two times to compare, or two speed-ups over the same baseline."""
        if self.statuses != ("ok", "ok") or self.is_unit or len(self.estimates) < 2:
            return False
        return not self.options.across_machines or self._one_baseline

    @property
    def _one_baseline(self) -> bool:
        return len({row.baseline for row in (*self.base, *self.new) if row.status == "ok"}) == 1

    def without_times(self) -> Line | None:
        """The line of a case that cannot be compared; None where it can, or nobody would ask."""
        before, now = self.statuses
        if now in BROKEN:
            reason = next(r.reason for r in self.new if r.status == now)
            worse = before == "ok"
            also = "" if worse else f"; base: {before or 'no row'}"
            return replace(self.line, verdict=WRONG, worse=worse, reason=f"{now}: {reason}{also}")
        if self.timed or self.is_unit or "ok" not in (before, now):
            return None
        for name, own, rows in (("base", before, self.base), ("new", now, self.new)):
            if own != "ok":
                reason = f"{own}: {rows[-1].reason}" if rows else "no row"
                return replace(self.line, reason=f"{name}: {reason}")
        what = "speed-up over the same baseline" if self.options.across_machines else "time"
        return replace(self.line, reason=f"no {what} on both sides")


def _judged(pairs: Sequence[_Pair], options: Options) -> list[Line]:
    if not pairs:
        return []
    base, new = zip(*(pair.estimates for pair in pairs), strict=True)
    found = evidence(base, new, options.confidence)
    return [
        _verdict(pair, float(value), float(reach), options)
        for pair, value, reach in zip(pairs, found.value, found.reach, strict=True)
    ]


def _verdict(pair: _Pair, value: float, reach: float, options: Options) -> Line:
    line = replace(
        pair.line,
        ratio=exp(value),
        low=exp(value - reach),
        high=exp(value + reach),
        base_us=_microseconds(pair.base),
        new_us=_microseconds(pair.new),
        noise_floor=expm1(reach),
    )
    line = replace(line, verdict=_name(line, options))
    extra_us = line.new_us * (1 - 1 / line.ratio)
    slower = line.low >= 1 + options.fail_on and extra_us > options.absolute_us
    exact = list(changes(pair.base, pair.new, across_machines=options.across_machines))
    said = [*exact, _remark(line, extra_us, options)]
    return replace(line, worse=bool(slower or exact), reason="; ".join(filter(None, said)))


def _microseconds(rows: Sequence[Record]) -> float:
    found = time(rows)
    return exp(found.value) if found else float("nan")


def _name(line: Line, options: Options) -> str:
    if line.low > 1 or line.high < 1:
        return SLOWER if line.low > 1 else FASTER
    if line.noise_floor > options.fail_on:
        return UNMEASURABLE
    threshold = 1 + options.fail_on
    return SAME if 1 / threshold <= line.low and line.high <= threshold else AMBIGUOUS


def _remark(line: Line, extra_us: float, options: Options) -> str:
    """Why a verdict is no clearer, or why a slower one does not fail."""
    if line.verdict == UNMEASURABLE:
        return f"the noise floor is above {100 * options.fail_on:.3g} %"
    if line.verdict == SLOWER and line.low < 1 + options.fail_on:
        return f"not surely by {options.fail_on:.3g} or more"
    if line.verdict == SLOWER and extra_us <= options.absolute_us:
        return f"by no more than {options.absolute_us:g} µs"
    return ""
