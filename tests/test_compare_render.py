"""What a comparison looks like, as text, Markdown, JSON and for GitHub; and its command line."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from results_folders import starts
from typer.testing import CliRunner

from spmvbench.cli import app
from spmvbench.cli.comparing import Form
from spmvbench.compare import (
    FORMS,
    VERDICTS,
    Comparison,
    Line,
    Options,
    compare,
    read_side,
    render,
    sentence,
)
from spmvbench.errors import UserError

CASE = {"experiment": "sweep", "device": "AMD", "cache": "cold", "threads": 2}
KEY = "64x32/d{}/float16/uniform/b1/s47"
NUMBERS = {"ratio": 1.08, "low": 1.05, "high": 1.1, "base_us": 100.0, "new_us": 108.0}
SLOWER = Line(
    **CASE,
    key=KEY.format(0.1),
    format="macko",
    verdict="slower",
    noise_floor=0.02,
    worse=True,
    **NUMBERS,
)
WRONG = Line(
    **CASE,
    key=KEY.format(0.2),
    format="csr16",
    verdict="wrong",
    worse=True,
    reason="wrong: row 3\n100 %",
)
UNSURE = Line(
    **CASE,
    key=KEY.format(0.3),
    format="csr16",
    verdict="ambiguous",
    **NUMBERS | {"ratio": 1.01, "low": 0.98, "high": 1.04},
    noise_floor=0.03,
)
COMPARISON = Comparison([WRONG, SLOWER, UNSURE], Options(), notes=["environments differ: x"])


def test_the_sentence_says_the_noise_floor_the_verdicts_and_what_is_worse():
    assert sentence(COMPARISON) == "noise floor 2.5 %; 1 wrong, 1 slower, 1 ambiguous; 2 are worse"


def test_text_names_what_differs_in_columns_and_the_rest_in_the_title(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    text = render(COMPARISON, "text")
    title = "New against base · sweep · AMD · float16 · uniform · batch 1 · seed 47 · cache cold"
    assert text.startswith(f"{title} · threads 2\n")
    assert re.search(r"macko +64 x 32 +0.1 +100 +108 +1.080 \(1.050-1.100\) +2 % +slower", text)
    assert "worse: macko 64x32/d0.1/float16/uniform/b1/s47 cold 2t: slower, 1.080" in text
    assert "100 µs -> 108 µs" in " ".join(text.split())
    assert "environments differ: x" in text
    assert text.endswith(sentence(COMPARISON))


@pytest.mark.parametrize(
    ("verdict", "cells"),
    [
        ("slower", r"100 +108 +1.080 +2 % +slower"),
        ("unmeasurable", r"100 +108 +1.080 +unmeasurable"),
    ],
)
def test_a_shape_is_whole_in_80_columns(monkeypatch, verdict, cells):
    monkeypatch.setenv("COLUMNS", "80")
    key = SLOWER.key.replace("64x32", "14336x14336")
    lines = [replace(SLOWER, key=key, format="dense-numpy", verdict=verdict), SLOWER]
    text = render(Comparison(lines, Options()), "text")
    assert re.search(rf"dense-numpy +14336 x 14336 +0.1 +{cells}\n", text)


def test_markdown_is_a_table_and_the_sentence():
    text = render(COMPARISON, "md")
    assert "| macko | 64 x 32 | 0.1 | 100 | 108 | 1.080 (1.050-1.100) | 2 % | slower |" in text
    assert text.endswith(f"\n\n{sentence(COMPARISON)}")


def test_json_has_every_line_and_no_nan():
    found = json.loads(render(COMPARISON, "json"), parse_constant=pytest.fail)
    assert (found["exit_code"], found["options"]["fail_on"]) == (1, 0.03)
    assert [line["verdict"] for line in found["lines"]] == ["wrong", "slower", "ambiguous"]
    assert (found["lines"][0]["ratio"], found["lines"][1]["ratio"]) == (None, 1.08)


def test_github_gets_an_error_for_what_is_worse_and_a_warning_for_what_may_be():
    wrong, slower, unsure, note, last = render(COMPARISON, "github").splitlines()
    assert wrong.startswith("::error title=spmvbench compare::csr16 64x32/d0.2/")
    assert wrong.endswith("wrong: row 3%0A100 %25")
    assert slower.startswith("::error ")
    assert unsure.startswith("::warning ") and note.startswith("::warning ")
    assert last == f"::notice title=spmvbench compare::{sentence(COMPARISON).replace('%', '%25')}"


def test_benchmark_action_gets_the_new_times():
    assert json.loads(render(COMPARISON, "benchmark-action"))[0] == {
        "name": "sweep macko 64x32/d0.1/float16/uniform/b1/s47 cold 2t",
        "unit": "us",
        "value": 108.0,
        "range": "± 2 %",
        "extra": "slower: 1.080 (1.050-1.100) of 100 µs",
    }


def test_an_incomparable_pair_is_one_line_in_every_form_to_read():
    nothing = Comparison([], Options(), incomparable="not comparable: device is 'a' and 'b'")
    assert render(nothing, "text") == render(nothing, "md") == nothing.incomparable
    assert render(nothing, "github").startswith("::error ")
    assert json.loads(render(nothing, "json"))["exit_code"] == 3
    assert render(nothing, "benchmark-action") == "[]"


def test_a_long_table_is_cut_and_says_so(tmp_path):
    lines = [SLOWER] * 50
    text = render(Comparison(lines, Options()), "md")
    assert text.count("| macko |") == 40
    assert "and 10 more, none worse than these" in text


def test_an_unknown_form_is_refused():
    with pytest.raises(UserError, match="expected one of text, md, json, github"):
        render(COMPARISON, "xml")


def command(*words):
    return CliRunner().invoke(app, ["compare", *map(str, words)])


@pytest.fixture
def sides(tmp_path):
    return {
        "base": starts(tmp_path / "base", 4, seed=1),
        "same": starts(tmp_path / "same", 4, seed=2),
        "slow": starts(tmp_path / "slow", 4, 1.05, seed=3),
        "far": starts(tmp_path / "far", 4, environment={"device": "Intel Xeon"}),
    }


@pytest.mark.parametrize(("new", "code"), [("same", 0), ("slow", 1), ("far", 3)])
def test_exit_codes_of_one_folder_a_side_that_holds_all_starts(sides, tmp_path, new, code):
    done = command(tmp_path / "base", tmp_path / new)
    assert done.exit_code == code
    assert done.output.strip().endswith(
        {0: "nothing is worse", 1: "12 are worse", 3: "instead"}[code]
    )


def test_a_side_may_be_several_folders(sides):
    named = [
        w for n in ("base", "slow") for f in sides[n] for w in (f"--{n.replace('slow', 'new')}", f)
    ]
    assert command(*named).exit_code == 1
    assert command(sides["base"][0], sides["slow"][0]).exit_code == 0


def test_options_reach_the_comparison(sides, tmp_path):
    words = (tmp_path / "base", tmp_path / "slow")
    assert command(*words, "--fail-on", "slower=8%").exit_code == 0
    assert command(*words, "--fail-on", "slower=0.08").exit_code == 0
    assert command(*words, "--absolute-us", "100").exit_code == 0
    assert command(tmp_path / "base", tmp_path / "far", "--across-machines").exit_code == 0
    found = json.loads(command(*words, "--confidence", "0.99", "--format", "json").output)
    assert found["options"]["confidence"] == 0.99


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "compare: name two results folders"),
        (["a"], "compare: name two results folders"),
        (["--base", "a"], "compare: name two results folders"),
        (["none", "nowhere"], "none: there is no such file or folder"),
        (["a", "b", "--fail-on", "slower=3"], "--fail-on slower=3: expected slower=SHARE"),
        (["a", "b", "--fail-on", "faster=3%"], "--fail-on faster=3%: expected slower=SHARE"),
        (["a", "b", "--fail-on", "slower=x"], "--fail-on slower=x: expected slower=SHARE"),
    ],
)
def test_a_mistake_is_one_line_for_the_user(words, line):
    done = command(*words)
    assert isinstance(done.exception, UserError)
    assert str(done.exception).startswith(line)


def test_the_command_line_offers_every_form_and_no_other(sides):
    assert [form.value for form in Form] == list(FORMS)
    assert command(*sides["base"][:2], "--format", "xml").exit_code == 2


def test_the_side_that_is_read_is_the_side_that_is_compared(sides):
    base = read_side(sides["base"])
    assert compare(base, base, Options()).lines[0].ratio == 1


def test_the_page_of_statistics_says_what_every_verdict_means():
    text = (Path(__file__).parent.parent / "docs" / "statistics.md").read_text()
    assert all(f"| `{verdict}` | {meaning} |" in text for verdict, meaning in VERDICTS.items())
