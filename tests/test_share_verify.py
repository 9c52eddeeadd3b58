"""Results that hold together are right; what was changed, lost or made up is named."""

import json
from dataclasses import replace
from pathlib import Path

import measured
import numpy as np
import pytest

from spmvbench import suites
from spmvbench.errors import ResultsError
from spmvbench.records import Results
from spmvbench.share import verify
from spmvbench.share.folders import folders
from spmvbench.share.verify import median_of
from spmvbench.table import cells, line, read

REFERENCE = Path(__file__).parent.parent / "results" / "reference"


def complaints(top):
    return verify.complaints(top, folders(top))


@pytest.fixture
def folder(tmp_path):
    return measured.write(tmp_path / "mine")


def change(folder, number, **columns):
    """Give a row other cells, as an editor would."""
    path = folder / "records.csv"
    rows = read(path)
    rows[number] = replace(rows[number], **columns)
    header = path.read_bytes().partition(b"\n")[0] + b"\n"
    path.write_bytes(header + b"".join(line(cells(row)) for row in rows))


def test_results_as_a_run_leaves_them_are_right(folder):
    assert complaints(folder) == []


def test_the_references_that_are_kept_are_right():
    assert complaints(REFERENCE) == []


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"median_us": 1.0}, "median_us is 1, its samples give "),
        ({"samples": 10}, "median_us is "),
        ({"samples": 99}, "samples.bin does not have its 99 samples at 11"),
        ({"samples": 0}, "samples.bin does not have its 0 samples at 11"),
        ({"samples_offset": -1}, "samples.bin does not have its 11 samples at -1"),
        ({"samples_offset": None}, "samples.bin does not have its 11 samples at None"),
        ({"speedup": 3.0}, "speedup is 3, its samples and those of dense-f16 give "),
        ({"gbps": 99.0}, "gbps is 99, its other columns give "),
        ({"effective_density": 0.5}, "effective_density is 0.5, its other columns give 0.7324219"),
        ({"status": "good"}, "status is 'good', expected one of ok, wrong"),
        ({"median_us": None, "speedup": None}, "status is ok and there is no median_us"),
    ],
)
def test_a_row_that_was_changed_is_named_by_its_line(folder, columns, said):
    change(folder, 1, **columns)
    found = complaints(folder)
    start = f"records.csv:3: macko on 64x64/d0.1/float16/exact/b1/s47: {said}"
    assert any(line.startswith(start) for line in found), found


def test_two_rows_cannot_be_of_the_same_samples(folder):
    change(folder, 1, samples_offset=0, median_us=read(folder / "records.csv")[0].median_us)
    assert "records.csv:3: shares samples with line 2" in complaints(folder)


def test_samples_that_were_changed_are_found_by_the_median(folder):
    path = folder / "samples.bin"
    raw = np.fromfile(path, "<f4")
    (raw[:11] * 2).tofile(path)
    assert any("its samples give" in line for line in complaints(folder))


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_a_sample_that_is_no_time_is_named(folder, bad):
    path = folder / "samples.bin"
    raw = np.fromfile(path, "<f4")
    raw[0] = bad
    raw.tofile(path)
    assert "expected times above 0" in complaints(folder)[0]


def test_lost_samples_are_named_for_every_row(folder):
    (folder / "samples.bin").unlink()
    assert len([c for c in complaints(folder) if "does not have its 11 samples" in c]) == 4


def test_an_environment_that_was_changed_has_another_hash(folder):
    path = folder / "environment.json"
    path.write_text(path.read_text().replace("Some CPU", "A faster CPU"))
    (said,) = complaints(folder)
    assert "was changed: its hash is " in said


def test_an_environment_that_is_missing_is_named(folder):
    (folder / "environment.json").unlink()
    (said,) = complaints(folder)
    assert said.startswith("environment.json: has no ")


def test_broken_files_are_named_and_the_other_folders_verified(tmp_path):
    measured.write(tmp_path / "a")
    measured.write(tmp_path / "b")
    measured.write(tmp_path / "c")
    (tmp_path / "a" / "records.csv").write_text("format,time\n")
    (tmp_path / "b" / "dates.json").write_text("[")
    change(tmp_path / "c", 0, gbps=1.0)
    first, second, third, *_ = complaints(tmp_path)
    assert "a/records.csv:1: columns differ" in first
    assert "b/dates.json: not the dates that a run writes" in second
    assert third.startswith("c/records.csv:2: dense-f16 on ")


def test_a_table_without_rows_is_named(tmp_path):
    folder = measured.write(tmp_path / "mine")
    path = folder / "records.csv"
    path.write_bytes(path.read_bytes().partition(b"\n")[0] + b"\n")
    assert complaints(folder) == ["records.csv: has no row"]


def test_a_suite_of_other_content_is_named(tmp_path):
    right = measured.write(tmp_path / "a", suite=suites.suite("llm4-v1").pinned)
    wrong = measured.write(tmp_path / "b", suite="llm4-v1@000000000000")
    assert complaints(right) == []
    said = "experiment.yaml: suite llm4-v1@000000000000 is not one of this version"
    assert complaints(wrong) == [said]


def test_a_time_of_an_external_program_may_have_no_samples(folder):
    row = read(folder / "records.csv")[0]
    with Results(folder) as results:
        bare = replace(row, format="other", status="unverified", samples=None, speedup=None)
        results.append(bare)
    assert complaints(folder) == []


def test_rows_without_a_time_need_no_samples(folder):
    row = read(folder / "records.csv")[0]
    empty = dict.fromkeys(("median_us", "samples", "gbps", "bandwidth_share", "speedup"))
    with Results(folder) as results:
        results.append(replace(row, format="other", status="crashed", **empty))
    assert complaints(folder) == []


@pytest.mark.parametrize(
    ("launches", "expected"), [("", 4.0), ("5", 4.0), ("2;3", (1.5 + 5) / 2), ("2;2", None)]
)
def test_several_launches_give_the_median_of_their_medians(launches, expected):
    found = median_of(np.array([1.0, 2, 4, 5, 6]), launches)
    assert found == expected if expected else np.isnan(found)


def test_nothing_to_verify_is_one_line(tmp_path):
    with pytest.raises(ResultsError, match=r"no records.csv there or below"):
        complaints(tmp_path)


def test_an_environment_file_that_is_no_json_is_named(folder):
    (folder / "environment.json").write_text("{")
    (said,) = complaints(folder)
    assert "environment.json: not the JSON" in said


def test_an_experiment_file_that_is_no_yaml_is_named(folder):
    (folder / "experiment.yaml").write_text("a: [")
    (said,) = complaints(folder)
    assert "experiment.yaml: not the experiment of a run" in said
    assert "\n" not in said


def test_environment_hashes_do_not_depend_on_the_order_of_keys(folder):
    path = folder / "environment.json"
    plain = json.loads(path.read_text())
    path.write_text(json.dumps({k: dict(reversed(v.items())) for k, v in plain.items()}))
    assert complaints(folder) == []
