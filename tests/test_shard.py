"""Shares of an experiment's cases: each case in one, about as long each, the same everywhere."""

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spmvbench.case import Case
from spmvbench.errors import ExperimentError
from spmvbench.predict import seconds
from spmvbench.problems.base import Problem
from spmvbench.shard import Shard, parse

SIZES = st.lists(st.integers(1, 20_000), min_size=1, max_size=40)


def cases(sizes):
    return [
        Case("e", Problem(n, n, 0.5, seed=i), ("macko",), "cold", 1) for i, n in enumerate(sizes)
    ]


@given(sizes=SIZES, data=st.data())
def test_every_case_is_in_one_share_and_keeps_its_order(sizes, data):
    every = cases(sizes)
    count = data.draw(st.integers(1, len(every)))
    shares = [Shard(i + 1, count).of(every) for i in range(count)]
    together = list(chain(*shares))
    assert len(together) == len(every)
    assert set(map(id, together)) == set(map(id, every))
    assert all(share == [case for case in every if case in share] for share in shares)


@given(sizes=SIZES, data=st.data())
def test_no_share_takes_longer_than_the_mean_and_one_case(sizes, data):
    every = cases(sizes)
    count = data.draw(st.integers(1, len(every)))
    total_s = [sum(map(seconds, Shard(i + 1, count).of(every))) for i in range(count)]
    assert max(total_s) <= sum(total_s) / count + max(map(seconds, every)) + 1e-9


def test_one_long_case_outweighs_many_short_ones():
    every = cases([20_000, 100, 100, 100, 100])
    assert [Shard(i, 2).of(every) for i in (1, 2)] == [every[:1], every[1:]]


def test_no_share_is_empty():
    every = cases([20_000, 1, 1])
    assert all(Shard(i, 3).of(every) for i in (1, 2, 3))


def test_one_share_is_all():
    every = cases([3, 1, 2])
    assert Shard(1, 1).of(every) == every


def test_more_shares_than_cases_are_refused():
    with pytest.raises(ExperimentError, match=r"^--shard 1/4: there are 3 cases; expected at most"):
        Shard(1, 4).of(cases([1, 2, 3]))


def test_a_share_is_written_as_it_is_read():
    assert parse("3/12") == Shard(3, 12)
    assert str(parse("3/12")) == "3/12"


@pytest.mark.parametrize(
    "text", ["", "3/2", "0/4", "1/0", "-1/4", "1", "1/2/3", "a/b", "1.5/2", " 1/2"]
)
def test_what_is_no_share_is_one_line(text):
    with pytest.raises(ExperimentError, match=r"expected i/n with i from 1 to n, such as 1/4$"):
        parse(text)
