from __future__ import annotations

import errno
import json
import math
import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest

from spmvbench.errors import ResultsError
from spmvbench.record import COLUMNS, STATUSES, Record, columns_of, dictionary
from spmvbench.records import Results, load, write
from spmvbench.table import cells, line, read

REFERENCES = Path(__file__).parent.parent / "results" / "reference"

ROW = Record(
    experiment="e",
    key="4x4/d0.5",
    format="macko",
    device="cpu",
    cache="cold",
    threads=2,
    status="ok",
    median_us=12.345678,
    rows=4,
    nnz=8,
    speedup=1.25,
    lossless=False,
)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "results"


def save(folder, *rows):
    with Results(folder) as results:
        return [
            results.append(*row) if isinstance(row, tuple) else results.append(row) for row in rows
        ]


def test_what_is_appended_is_read_back(folder):
    saved, _ = save(folder, (ROW, b"\0" * 8), replace(ROW, reason='a "quoted", odd\nreason'))
    first, second = read(folder / "records.csv")
    assert first == replace(saved, median_us=12.34568)
    assert second.reason == 'a "quoted", odd reason'
    assert second.median_us == 12.34568


def test_samples_lie_where_the_row_says(folder):
    saved = save(folder, *((ROW, b"\0" * 4 * n) for n in (3, 5, 0)))
    assert [row.samples_offset for row in saved] == [0, 3, None]
    assert (folder / "samples.bin").stat().st_size == 32


def test_part_of_a_sample_left_by_a_kill_is_cut_off(folder):
    save(folder, (ROW, b"\0" * 8))
    with (folder / "samples.bin").open("ab") as file:
        file.write(b"\1\2")
    (row,) = save(folder, (ROW, b"\0" * 4))
    assert row.samples_offset == 2
    assert (folder / "samples.bin").stat().st_size == 12


def test_bytes_that_are_no_table_are_one_line(folder):
    folder.mkdir()
    (folder / "records.csv").write_bytes(b"\xa8\x00garbage\n")
    with pytest.raises(ResultsError, match="cannot be read as a table"):
        load([folder])


def test_an_infinite_error_survives(folder):
    save(folder, replace(ROW, max_error=math.inf))
    assert read(folder / "records.csv")[0].max_error == math.inf


def test_a_last_line_cut_off_in_writing_is_dropped(folder):
    save(folder, ROW, ROW)
    path = folder / "records.csv"
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    with Results(folder) as again:
        assert again.repaired > 0
        assert len(again.rows) == 1
        again.append(ROW)
    assert path.read_bytes() == whole


@pytest.mark.parametrize("kept", [0, 10])
def test_a_cut_off_header_is_written_anew(folder, kept):
    folder.mkdir()
    (folder / "records.csv").write_text(",".join(COLUMNS)[:kept])
    save(folder, ROW)
    assert len(read(folder / "records.csv")) == 1


def test_a_second_run_into_the_same_folder_refuses(folder):
    with (
        Results(folder),
        pytest.raises(ResultsError, match=f"process {os.getpid()} is measuring into it"),
    ):
        Results(folder)
    save(folder, ROW)


def test_the_lock_of_a_killed_run_is_free(folder):
    code = (
        "from spmvbench.records import Results; from pathlib import Path; import sys, os, signal;"
        "Results(Path(sys.argv[1])); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=False)
    save(folder, ROW)


def test_a_full_disk_is_one_line(folder):
    folder.mkdir()
    (folder / "records.csv").symlink_to("/dev/full")
    with pytest.raises(ResultsError) as caught:
        save(folder, ROW)
    assert "No space left on device" in str(caught.value)
    assert "records.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_read_only_folder_is_one_line(folder, monkeypatch):
    def refuse(self, *args, **kwargs):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(ResultsError, match="Read-only file system.*--out"):
        Results(folder)


def test_other_columns_are_refused_not_mixed(folder):
    folder.mkdir()
    (folder / "records.csv").write_text("format,time\nmacko,1\n")
    with pytest.raises(ResultsError, match=r"records.csv:1: columns differ .*--out"):
        Results(folder)


def old_table(folder):
    """A table as version 2 wrote it, with one row."""
    folder.mkdir()
    old = columns_of(2)
    row = dict(zip(COLUMNS, cells(replace(ROW, schema_version=2)), strict=True))
    (folder / "records.csv").write_bytes(line(old) + line(row[name] for name in old))
    return folder / "records.csv"


def test_a_table_of_the_version_before_is_read_with_its_later_columns_empty(folder):
    (row,) = read(old_table(folder))
    assert row == replace(ROW, median_us=12.34568, schema_version=2)
    assert (row.effective_samples, row.launch_samples, row.floor_us) == (None, "", None)


def test_a_run_into_an_older_table_gives_it_the_columns_of_today_and_changes_no_cell(folder):
    before = old_table(folder).read_text().splitlines()[1]
    save(folder, replace(ROW, cache="hot", temperature_c=61.0))
    header, old, new = (folder / "records.csv").read_text().splitlines()
    assert tuple(header.split(",")) == COLUMNS
    kept = dict(zip(COLUMNS, old.split(","), strict=True))
    assert ",".join(kept[name] for name in columns_of(2)) == before
    assert [row.schema_version for row in read(folder / "records.csv")] == [2, 3]


def test_a_kill_while_an_older_table_is_rewritten_leaves_it_whole(folder, monkeypatch):
    path = old_table(folder)
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", lambda *a: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(ResultsError):
        Results(folder)
    assert path.read_bytes() == before


def test_half_an_older_table_is_refused_as_any_other(folder):
    path = old_table(folder)
    path.write_text(path.read_text().replace("samples_offset", "offset_of_samples", 1))
    with pytest.raises(ResultsError, match=r"columns differ from schema 3 \(.*offset_of_samples"):
        read(path)


@pytest.mark.parametrize(
    "path", sorted(REFERENCES.rglob("records.csv")), ids=lambda p: p.parent.name
)
def test_the_references_that_are_kept_can_be_read(path):
    rows = read(path)
    assert {row.schema_version for row in rows} <= {2, 3}
    assert all(row.median_us for row in rows if row.status == "ok")


def test_a_row_that_no_run_wrote_is_named_by_its_line(folder):
    save(folder, ROW)
    with (folder / "records.csv").open("a") as file:
        file.write("garbage\n")
    with pytest.raises(ResultsError, match=r"records.csv:3: cells: 1, expected \d+"):
        load([folder])


def test_the_newest_row_of_a_case_counts(folder):
    save(folder, ROW, replace(ROW, median_us=1.0), replace(ROW, cache="hot"))
    assert load([folder])["median_us"].tolist() == [1.0, 12.34568]


def test_a_frame_has_all_columns_and_nan_for_empty_cells(folder):
    save(folder, ROW)
    frame = load([folder])
    assert tuple(frame.columns) == COLUMNS
    assert math.isnan(frame["packed_bytes"][0])
    assert not frame["lossless"][0]


def test_nothing_to_read_is_one_line(tmp_path):
    with pytest.raises(ResultsError, match=r"no records.csv there or below"):
        load([tmp_path])


def test_environments_are_kept_once(folder):
    with Results(folder) as results:
        results.note_environment("a", {"device": "x"})
        results.note_environment("a", {"device": "x"})
    assert json.loads((folder / "environment.json").read_text()) == {"a": {"device": "x"}}


def test_broken_environments_are_one_line(folder):
    folder.mkdir()
    (folder / "environment.json").write_text("{")
    with pytest.raises(ResultsError, match=r"environment.json: not the JSON"):
        Results(folder)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write(path, "old")
    monkeypatch.setattr(os, "replace", lambda *a: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(ResultsError):
        write(path, "new")
    assert path.read_text() == "old"


def test_every_column_has_a_meaning_and_the_dictionary_is_current():
    assert all(f.metadata["meaning"] for f in fields(Record))
    text = (Path(__file__).parent.parent / "results" / "README.md").read_text()
    assert dictionary() in text
    assert all(f"`{status}`" in text for status in STATUSES)
