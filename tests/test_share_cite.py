"""A citation says what was measured, with what, where and when, from the data alone."""

import re
import time
from pathlib import Path

import measured
import pytest
import yaml

from spmvbench import suites
from spmvbench.errors import ResultsError
from spmvbench.problems.base import Problem
from spmvbench.share import cite as module
from spmvbench.share.bundle import bundle
from spmvbench.share.cite import cite
from spmvbench.share.folders import folders
from spmvbench.share.manifest import content_hash, entries
from spmvbench.share.source import opened

CFF = yaml.safe_load((Path(__file__).parent.parent / "CITATION.cff").read_text())
SUITE = suites.suite("llm4-v1")
OF_THE_SUITE = [Problem(2048, 2048, 0.1, pattern="exact"), Problem(8192, 2048, 1, pattern="exact")]


@pytest.fixture
def folder(tmp_path):
    return measured.write(tmp_path / "mine", OF_THE_SUITE, suite=SUITE.pinned)


def plain(folder):
    """The last line."""
    return cite(folder).splitlines()[-1]


def test_one_line_says_it_all(folder):
    assert plain(folder) == (
        "mine on Some CPU, measured 2026-03-30 to 2026-03-31 with spmvbench 0.1.0 "
        "(commit 0123456789ab); suite llm4-v1@78350b68eb96, 2 of 20 problems; "
        "protocol 1-abcdef01, schema 2; 4 rows; "
        f"sha256 {content_hash(entries(folders(folder)))}."
    ).replace("schema 2", f"schema {measured.Record().schema_version}")


def test_bibtex_has_the_software_and_the_measurements(folder):
    text = cite(folder)
    assert re.findall(r"^@(\w+)\{(.+),$", text, re.M) == [
        ("software", "spmvbench"),
        ("misc", "spmvbench-mine-some-cpu-2c"),
    ]
    assert "  version = {0.1.0},\n  note = {commit 0123456789ab},\n}" in text
    assert "  year = {2026},\n  month = {3},\n" in text
    assert text.count("{") == text.count("}")


def test_a_bundle_is_cited_as_its_folder_is(folder, tmp_path):
    with opened(bundle(folder, tmp_path / "a.zip")) as top:
        assert cite(top) == cite(folder)


def test_the_clock_says_nothing(folder, monkeypatch):
    before = cite(folder)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    monkeypatch.setattr(time, "gmtime", lambda: 1 / 0)
    assert cite(folder) == before


def test_results_without_a_date_have_no_year(tmp_path):
    text = cite(measured.write(tmp_path / "a", when=None))
    assert "year" not in text
    assert "mine on Some CPU, measured on an unknown date with" in text


def test_one_day_is_written_once(tmp_path):
    day = ("2026-03-31T01:00Z", "2026-03-31T02:00Z")
    assert ", measured 2026-03-31 with " in plain(measured.write(tmp_path / "a", when=day))


def test_only_rows_that_count_are_cited(tmp_path):
    folder = measured.write(tmp_path / "a")
    measured.write(folder, environment=measured.ENVIRONMENT | {"commit": "new"})
    assert "(commit new); " in plain(folder)
    assert "4 rows" in plain(folder)


def test_several_devices_and_versions_are_all_named(tmp_path):
    measured.write(tmp_path / "r" / "a")
    other = {"device": "Other CPU", "spmvbench": "0.2.0", "commit": "ffff"}
    measured.write(tmp_path / "r" / "b", experiment="other", environment=other)
    found = plain(tmp_path / "r")
    assert "mine, other on Other CPU, Some CPU" in found
    assert "spmvbench 0.1.0, 0.2.0 (commit 0123456789ab, ffff)" in found


def test_a_suite_that_this_version_does_not_know_is_said_to_be_so(tmp_path):
    folder = measured.write(tmp_path / "a", suite="llm99-v1@0123456789ab")
    assert "suite llm99-v1@0123456789ab, which this version does not know" in plain(folder)


def test_latex_sees_no_special_character(tmp_path):
    odd = measured.ENVIRONMENT | {"device": "A&B 100% #1_x"}
    text = cite(measured.write(tmp_path / "a", environment=odd))
    assert r"A\&B 100\% \#1\_x" in text.rpartition("\n")[0]
    assert "A&B 100% #1_x" in text.rpartition("\n")[2]


def test_title_and_author_are_those_of_the_citation_file():
    assert (CFF["title"], CFF["authors"][0]["name"]) == (module.TITLE, module.AUTHOR)


def test_nothing_to_cite_is_one_line(tmp_path):
    with pytest.raises(ResultsError, match="no records.csv there or below"):
        cite(tmp_path)
