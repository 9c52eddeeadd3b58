"""What looked slower has the line of its fresh launches, the worst stays first."""

from __future__ import annotations

from spmvbench.compare import Comparison, Line, Options
from spmvbench.gate.confirm import confirmed, suspects


def line(key, verdict, ratio=1.0, format="macko", worse=False):
    place = {"experiment": "e", "device": "d", "cache": "cold", "threads": 1}
    return Line(**place, key=key, format=format, verdict=verdict, ratio=ratio, worse=worse)


def comparison(*lines):
    return Comparison(lines, Options())


FIRST = comparison(
    line("a", "slower", 1.08, worse=True),
    line("b", "slower", 1.06, worse=True),
    line("c", "wrong"),
    line("d", "same", 1.01, format="bitmap"),
)


def test_the_formats_to_launch_again_are_those_of_slower_cases_once():
    assert suspects(FIRST) == ("macko",)
    assert suspects(comparison(line("a", "same"), line("b", "faster"))) == ()


def test_a_slower_case_keeps_its_verdict_only_if_fresh_launches_agree():
    fresh = comparison(
        line("a", "same", 1.001), line("b", "slower", 1.05, worse=True), line("c", "same")
    )
    found = confirmed(FIRST, fresh)
    assert [(x.key, x.verdict, x.ratio) for x in found.lines] == [
        ("b", "slower", 1.05),
        ("c", "wrong", 1.0),
        ("a", "same", 1.001),
        ("d", "same", 1.01),
    ]
    assert found.lines[2].reason == "looked 8.0% slower at first, not so in fresh launches"


def test_a_case_that_looked_slower_and_breaks_in_fresh_launches_is_said_to():
    broken = comparison(line("a", "wrong", worse=True), line("b", "slower", worse=True))
    assert confirmed(FIRST, broken).lines[0].verdict == "wrong"


def test_a_case_without_fresh_launches_stays_as_it_was():
    assert confirmed(FIRST, comparison()).lines[0].verdict == "slower"
