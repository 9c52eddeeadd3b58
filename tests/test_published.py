"""The claims of MACKO's authors beside results: what may be concluded from what was measured."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
import yaml
from rich.console import Console
from synthetic import GPU, by_hand, fail, records

from spmvbench import theory
from spmvbench.published import VERDICTS, judge, print_findings, publication, sentence, to_markdown
from spmvbench.published.claim import MODEL, SIZE, SPEEDUP

TOP = Path(__file__).parent.parent
SHAPES = sorted(publication().shapes)[:16]
DENSITIES = tuple(round(0.1 * i, 1) for i in range(1, 11))
RIVALS = ("dense-cublas", "csr-cusparse-spmm")
ROWS = {"block": 0, "environment": "here", "device": "nvidia-geforce-rtx-4090"}


def sweep(formats=("macko", *RIVALS), *, shapes=SHAPES, densities=(0.5,), **columns):
    """A GPU of the authors, as the model of a machine has it; value types as the authors had."""
    found = scaled(model(formats, tuple(shapes), densities), "macko", 0.8)
    return found.assign(**{**ROWS, "value_dtype": "float16", **columns})


@cache
def model(formats, shapes, densities):
    return records(shapes, densities, formats, machine=GPU, noise=0.005)


def scaled(frame, name, factor):
    """The same with times of one format so many times as long."""
    found = frame.copy()
    times = ["median_us", "ci_low_us", "ci_high_us"]
    found.loc[found["format"] == name, times] *= factor
    return found


def finding(frame, name, density=0.5):
    """The first finding of that name and density."""
    return next(
        one
        for one in judge(frame, {})
        if one.claim.name == name and one.claim.densities[0] == density
    )


def test_the_whole_interval_above_the_lower_end_reproduces_a_claim():
    one = finding(sweep(), "over cuBLAS")
    assert one.seen.value.low >= 1.2
    assert one.seen.rivals == ("dense-cublas",)
    assert (one.verdict, one.reasons) == ("reproduced", ())


def test_more_than_was_claimed_reproduces_it_too():
    one = finding(scaled(sweep(), "dense-cublas", 3), "over cuBLAS")
    assert one.seen.value.low > one.claim.high
    assert one.verdict == "reproduced"


def test_the_whole_interval_below_the_lower_end_refutes_it():
    one = finding(scaled(sweep(), "macko", 1.5), "over cuBLAS")
    assert one.seen.value.high < 1.2
    assert (one.verdict, one.reasons) == ("refuted", ())


def test_an_interval_that_includes_the_lower_end_decides_nothing():
    frame = sweep()
    now = finding(frame, "over cuBLAS").seen.value
    one = finding(scaled(frame, "macko", now.value / 1.2), "over cuBLAS")
    assert one.seen.value.low < 1.2 < one.seen.value.high
    assert one.verdict == "not comparable"
    assert one.reasons == ("the interval includes 1.2: measure longer",)


@pytest.mark.parametrize(
    "device", ["nvidia-h200", "amd-epyc-9b14-2c", "nvidia-geforce-rtx-4090-laptop-gpu"]
)
def test_another_device_refutes_nothing_and_its_figure_is_shown(device):
    slow = scaled(sweep(device=device), "macko", 5)
    one = finding(slow, "over cuBLAS")
    assert one.verdict == "not comparable"
    assert one.reasons[0].endswith(f"this is {device}")
    assert one.seen.value.high < 1
    assert not [f for f in judge(slow, {}) if f.verdict == "refuted"]


def test_bytes_are_the_same_on_every_device():
    on = {"device": "amd-epyc-9b14-2c", "cache": "hot", "threads": 2}
    frame = sweep(("macko", "dense-f16"), densities=(0.1, 0.5), **on)
    for density, ratio in ((0.5, 1.6), (0.1, 6.5)):
        one = finding(frame, "memory", density)
        assert one.verdict == "reproduced"
        assert one.seen.value.value == pytest.approx(ratio, rel=0.01)
    frame.loc[frame["format"] == "macko", "packed_bytes"] *= 2
    assert finding(frame, "memory").verdict == "refuted"


def test_a_missing_rival_is_named_and_something_near_is_shown():
    one = finding(sweep(("macko", "dense-f16", "csr16")), "over cuBLAS")
    assert one.verdict == "not comparable"
    assert one.reasons == ("no dense-cublas was timed beside macko there",)
    assert one.seen.rivals == ("dense-f16",)
    assert finding(sweep(), "over Sputnik").seen is None


def test_a_rival_that_failed_is_missing():
    frame = sweep()
    frame = fail(frame, frame["format"] == "dense-cublas", "error", "it broke")
    assert finding(frame, "over cuBLAS").reasons == (
        "no dense-cublas was timed beside macko there",
    )


def test_rivals_of_another_timing_do_not_count():
    frame = sweep()
    frame.loc[frame["format"] == "dense-cublas", "block"] = 1
    assert finding(frame, "over cuBLAS").seen is None


def test_a_rival_that_stores_more_bits_is_another_rival():
    frame = sweep()
    frame.loc[frame["format"] == "csr-cusparse-spmm", "value_dtype"] = "float32"
    one = finding(frame, "over cuSPARSE")
    assert one.reasons == ("csr-cusparse-spmm stores float32 here",)
    assert one.verdict == "not comparable"


def test_few_of_the_sizes_are_not_enough():
    one = finding(sweep(shapes=SHAPES[:3]), "over cuBLAS")
    assert one.reasons == ("3 of the 31 sizes were measured",)
    others = finding(sweep(shapes=[(8000, 8000), (9000, 9000)]), "over cuBLAS")
    assert others.reasons == ("0 of the 31 sizes were measured",)


def test_other_sizes_count_only_where_there_are_no_others():
    both = pd.concat([sweep(shapes=[(64, 64)]), sweep()], ignore_index=True)
    assert finding(both, "memory").seen == finding(sweep(), "memory").seen
    small = finding(sweep(shapes=[(64, 64)]), "memory")
    assert small.verdict == "not comparable"
    assert small.reasons == ("0 of the 31 sizes were measured",)


@pytest.mark.parametrize(
    "columns", [{"dtype": "bfloat16"}, {"pattern": "banded"}, {"batch": 8}, {"cache": "hot"}]
)
def test_other_problems_and_conditions_do_not_count(columns):
    one = finding(sweep(**columns), "over cuBLAS")
    assert one.seen is None
    assert one.verdict == "not comparable"


def test_of_many_densities_the_worst_counts_and_none_may_be_missing():
    name = "over cuSPARSE, 10 to 100 % density"
    frame = sweep(densities=DENSITIES)
    assert finding(frame, name, 0.1).verdict == "reproduced"
    slow = (frame["format"] == "macko") & (frame["density"] == 0.3)
    whole = frame.copy()
    frame.loc[slow, ["median_us", "ci_low_us", "ci_high_us"]] *= 100
    assert finding(frame, name, 0.1).verdict == "refuted"
    assert finding(whole[whole["density"] != 0.7], name, 0.1).seen is None


def test_what_is_claimed_of_some_sizes_is_asked_of_the_best():
    name = "over cuBLAS, break-even of some sizes"
    frame = scaled(sweep(densities=(0.8,)), "macko", 2)
    assert finding(frame, name, 0.8).verdict == "refuted"
    best = (frame["format"] == "macko") & (frame["rows"] == 9216)
    frame.loc[best, ["median_us", "ci_low_us", "ci_high_us"]] /= 4
    assert finding(frame, name, 0.8).verdict == "reproduced"


def test_of_several_numbers_of_threads_the_most_count():
    frame = by_hand({"macko": [2.0]}, densities=[0.5], threads=8, **ROWS)
    one = by_hand({"macko": [1.0]}, densities=[0.5], threads=1, **ROWS)
    seen = finding(pd.concat([one, frame], ignore_index=True), "over cuBLAS").seen
    assert seen.value.value == pytest.approx(2.0)


def test_a_whole_model_is_not_compared():
    models = [one for one in judge(sweep(), {}) if one.claim.quantity == MODEL]
    assert {one.verdict for one in models} == {"not comparable"}
    assert {one.reasons for one in models} == {
        ("a whole model; here single products are measured",)
    }


# The claims themselves


def test_every_claim_has_numbers_and_a_source():
    for claim in publication().claims:
        assert claim.source in publication().sources
        assert claim.place
        assert claim.densities
        assert claim.low >= 1
        assert claim.high is None or claim.high > claim.low
        assert claim.quantity in (SPEEDUP, SIZE, MODEL)
        assert bool(claim.than) == (claim.quantity == SPEEDUP)


def test_the_headline_is_as_the_abstract_has_it():
    abstract = {(c.name, c.claimed) for c in publication().claims if c.place == "abstract"}
    assert {
        ("memory", "1.5x or more"),
        ("over cuBLAS", "1.2-1.5x"),
        ("over cuSPARSE", "2.8-13x"),
        ("over Sputnik", "1.9-2.6x"),
        ("over DASP", "2.2-2.5x"),
    } <= abstract


def test_the_claims_of_bytes_follow_from_the_format():
    for claim in publication().claims:
        if claim.quantity == SIZE:
            assert 1 / theory.macko(claim.densities[0], cols=12288) >= claim.low


def test_the_sizes_are_those_of_the_authors():
    assert len(publication().shapes) == 31
    assert min(rows * cols for rows, cols in publication().shapes) == 4096 * 4096


# What is printed


def printed(frame, width=140):
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    print_findings(judge(frame, {}), "some-device", console)
    console.file.close()
    return console.export_text()


def test_the_table_shows_what_is_claimed_seen_and_concluded():
    text = printed(sweep())
    assert "float16, batch 1, cold cache · some-device" in text
    line = next(line for line in text.splitlines() if line.lstrip().startswith("3 "))
    assert "1.2-1.5x" in line
    assert "dense-cublas" in line
    assert line.rstrip().endswith("reproduced")
    assert "not comparable 11, 12: a whole model" in text
    assert "source of 1, 3, 7, 9, 10, 11, 12: Macko and Boza" in text


def test_a_narrow_console_keeps_claims_and_verdicts():
    text = printed(sweep(), width=80)
    assert "over cuBLAS" in text
    assert "reproduced" in text


def test_markdown_is_a_table_with_every_claim():
    text = to_markdown(judge(sweep(), {}), "some-device")
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(publication().claims)


def test_the_sentence_counts_the_verdicts():
    found = judge(sweep(), {})
    reproduced = sum(one.verdict == "reproduced" for one in found)
    rest = len(found) - reproduced
    assert sentence(found) == f"{reproduced} of 12 claims reproduced, {rest} not comparable"
    slow = replace(found[0], claim=replace(found[0].claim, low=9.0))
    assert sentence([slow]) == "0 of 1 claims reproduced, 1 refuted"
    assert {one.verdict for one in found} <= set(VERDICTS)


@pytest.mark.parametrize("form", [[], ["--format", "md"]])
def test_the_command_reads_a_results_folder(form):
    folder = TOP / "results" / "reference" / "amd-epyc-2c" / "sparsity_sweep"
    words = [sys.executable, "-m", "spmvbench", "published", str(folder), *form]
    done = subprocess.run(words, capture_output=True, text=True, cwd=TOP, check=False)
    assert done.returncode == 0, done.stderr
    assert "claims reproduced" in done.stdout


def test_a_folder_without_results_is_one_line(tmp_path):
    words = [sys.executable, "-m", "spmvbench", "published", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=TOP, check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_the_file_of_claims_holds_no_field_that_is_not_read():
    said = yaml.safe_load((TOP / "spmvbench" / "published" / "claims.yaml").read_text())
    known = set(publication().__dataclass_fields__)
    assert set(said) == known


def test_the_page_explains_every_verdict():
    page = (TOP / "docs" / "published.md").read_text()
    assert all(f"| `{name}` | {meaning} |" in page for name, meaning in VERDICTS.items())
