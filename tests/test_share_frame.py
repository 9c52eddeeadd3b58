"""Results as a data frame and for other programs: typed, the newest of each case, nothing lost."""

import json
import math
import subprocess
import sys
from dataclasses import replace

import measured
import pandas as pd
import pytest

import spmvbench
from spmvbench.errors import ResultsError
from spmvbench.record import COLUMNS
from spmvbench.records import Results
from spmvbench.share.bundle import bundle
from spmvbench.share.export import to_csv, to_json
from spmvbench.table import read


@pytest.fixture
def folder(tmp_path):
    return measured.write(tmp_path / "r" / "mine")


def add(folder, **columns):
    """One more row, as the first but for some columns."""
    row = read(folder / "records.csv")[0]
    with Results(folder) as results:
        results.append(replace(row, **columns))


def test_a_frame_has_a_row_per_record_and_all_columns(folder):
    frame = spmvbench.load(folder)
    assert tuple(frame.columns) == COLUMNS
    assert len(frame) == 4
    assert frame["format"].tolist() == ["dense-f16", "macko"] * 2


def test_columns_have_the_dtypes_of_their_kind(folder):
    dtypes = spmvbench.load(folder).dtypes.astype(str)
    seen = dtypes[["format", "lossless", "rows", "nnz", "density", "median_us"]].tolist()
    assert seen == ["string", "bool", "Int64", "Int64", "float64", "float64"]


def test_dtypes_do_not_depend_on_what_is_empty(folder):
    add(folder, format="other", status="crashed", nnz=5, median_us=None, samples=None)
    frame = spmvbench.load(folder)
    assert frame.dtypes.equals(spmvbench.load(str(folder)).dtypes)
    assert frame["nnz"].isna().sum() == 4
    assert math.isnan(frame["median_us"].iloc[-1])
    assert frame["reason"].iloc[-1] == ""


@pytest.mark.parametrize("source", ["folder", "tree", "csv", "exported", "bundle"])
def test_every_form_of_results_gives_the_same_frame(folder, tmp_path, source):
    exported = tmp_path / "all.csv"
    exported.write_text(to_csv([folder]))
    path = {
        "folder": folder,
        "tree": folder.parent,
        "csv": folder / "records.csv",
        "exported": exported,
        "bundle": bundle(folder, tmp_path / "a.zip"),
    }[source]
    pd.testing.assert_frame_equal(spmvbench.load(path), spmvbench.load(folder))


def test_of_each_case_the_newest_row_counts(folder):
    add(folder, median_us=99.0)
    frame = spmvbench.load(folder)
    assert len(frame) == 4
    assert frame["median_us"].iloc[0] == 99


@pytest.mark.parametrize("name", ["nowhere", "nowhere.csv", "nowhere.zip"])
def test_nothing_there_is_one_line(tmp_path, name):
    with pytest.raises(
        ResultsError, match=f"{name}: there is no such file or folder; expected a results"
    ):
        spmvbench.load(tmp_path / name)


def test_a_table_of_others_is_one_line(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    with pytest.raises(ResultsError, match=r"a\.csv:1: columns differ"):
        spmvbench.load(tmp_path / "a.csv")


def test_a_table_without_rows_is_one_line(tmp_path):
    (tmp_path / "a.csv").write_text("")
    with pytest.raises(ResultsError, match=r"a\.csv: has no row"):
        spmvbench.load(tmp_path / "a.csv")


def test_importing_the_package_stays_cheap():
    code = "import sys, spmvbench; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"numpy", "pandas", "yaml", "pydantic", "rich", "typer", "matplotlib"}


def test_json_holds_numbers_booleans_text_and_null(folder):
    first = json.loads(to_json([folder]))[0]
    assert list(first) == list(COLUMNS)
    assert (first["rows"], first["lossless"], first["format"]) == (64, True, "dense-f16")
    assert first["median_us"] == read(folder / "records.csv")[0].median_us
    assert (first["nnz"], first["reason"]) == (None, None)


def test_json_has_no_infinity(folder):
    add(folder, format="bad", status="wrong", max_error=math.inf)
    assert json.loads(to_json([folder]), parse_constant=pytest.fail)[-1]["max_error"] is None


def test_an_exported_table_has_the_rows_that_count_and_reads_back(folder, tmp_path):
    add(folder, median_us=99.0)
    (tmp_path / "all.csv").write_text(to_csv([folder]))
    rows = read(tmp_path / "all.csv")
    assert rows == [read(folder / "records.csv")[-1], *read(folder / "records.csv")[1:-1]]


def test_json_reads_into_pandas(folder, tmp_path):
    (tmp_path / "all.json").write_text(to_json([folder]))
    frame = pd.read_json(tmp_path / "all.json")
    pd.testing.assert_series_equal(frame["median_us"], spmvbench.load(folder)["median_us"])
