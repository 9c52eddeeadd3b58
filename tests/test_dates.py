import time

import pytest

from spmvbench.dates import DATES, Dates, joined, read
from spmvbench.errors import ResultsError


@pytest.fixture
def clock(monkeypatch):
    """A clock to be set, in minutes after the epoch."""

    def at(minutes):
        monkeypatch.setattr(time, "gmtime", lambda: time.struct_time(_epoch(minutes * 60)))

    _epoch = time.gmtime
    return at


def test_an_environment_has_the_first_and_the_last_time_of_its_rows(tmp_path, clock):
    for minute, name in ((0, "a"), (1, "a"), (3, "b")):
        clock(minute)
        Dates(tmp_path).note(name)
    expected = {"a": ("1970-01-01T00:00Z", "1970-01-01T00:01Z")}
    expected["b"] = ("1970-01-01T00:03Z", "1970-01-01T00:03Z")
    assert read(tmp_path) == expected


def test_within_a_minute_the_file_is_written_once(tmp_path, clock):
    clock(5)
    dates = Dates(tmp_path)
    dates.note("a")
    (tmp_path / DATES).unlink()
    dates.note("a")
    assert not (tmp_path / DATES).exists()


def test_a_clock_set_back_moves_the_first_time_only(tmp_path, clock):
    for minute in (9, 4):
        clock(minute)
        Dates(tmp_path).note("a")
    assert read(tmp_path)["a"] == ("1970-01-01T00:04Z", "1970-01-01T00:09Z")


def test_a_folder_without_dates_has_none(tmp_path):
    assert read(tmp_path) == {}


@pytest.mark.parametrize(
    "text", ["{", "[1]", '{"a": 1}', '{"a": ["now", "then"]}', '{"a": [1, 2]}']
)
def test_dates_that_no_run_wrote_are_one_line(tmp_path, text):
    (tmp_path / DATES).write_text(text)
    with pytest.raises(ResultsError, match=r"dates\.json: not the dates .* restore or delete it$"):
        read(tmp_path)


def test_spans_are_joined_from_the_earliest_to_the_latest():
    assert joined([("b", "d"), ("a", "c")]) == ("a", "d")
    assert joined([]) is None
