"""What a report says, and that it is one page which asks for nothing and trusts nobody."""

from __future__ import annotations

import base64
import hashlib
import re
import sys

import matplotlib
import pandas as pd
import pytest
import report_folder
import synthetic
from report_folder import Page

from spmvbench import cli
from spmvbench.errors import ResultsError
from spmvbench.report import colors, figures, write_report

HOSTILE = "<script>alert('x')</script>"


def page(*folders, out=None):
    return Page(write_report(folders, out).read_text(encoding="utf-8"))


@pytest.fixture
def folder(tmp_path):
    return report_folder.write(tmp_path / "sparsity_sweep" / "cpu", report_folder.records())


@pytest.fixture
def two_devices(tmp_path):
    """A CPU and a GPU that measured the same experiment."""
    cpu = report_folder.records()
    formats = ("slab4", "dense-cublas", "dense-int8")
    gpu = synthetic.records(
        synthetic.SHAPES[:1], (0.1, 0.7), formats, machine=synthetic.GPU, threads=0
    )
    report_folder.write(tmp_path / "sparsity_sweep" / "cpu", cpu)
    report_folder.write(tmp_path / "sparsity_sweep" / "gpu", gpu.assign(environment="here"))
    return tmp_path


# The answer


def test_the_answer_comes_first_and_names_the_break_even(folder):
    found = page(folder)
    sections = [attributes["id"] for tag, attributes in found.tags if tag == "section"]
    assert sections == ["answer", "figures", "records", "provenance"]
    answer = found.html.partition('id="figures"')[0]
    assert "Sparse is faster than dense-f16 below density 0." in answer


def test_the_answer_says_who_is_fastest_and_what_that_saves(folder):
    text = page(folder).text
    assert "macko is fastest at density 0.1" in text
    assert "bitmap at 0.4" in text or "bitmap from 0.4 to 0.7" in text
    assert "the fastest saves 85 % of the dense bytes at density 0.1 (macko)" in text


def test_the_break_even_is_that_of_the_closing_table(folder):
    text = page(folder).text
    (said,) = re.findall(r"below density format break-even bitmap ([\d.]+)", text)
    assert f"Faster than dense-f16 below density format density bitmap {said}" in text


def test_lossy_formats_are_said_to_be_lossy_with_what_they_cost(tmp_path):
    rows = synthetic.records(
        synthetic.SHAPES[:1], (0.1, 0.7), ("macko", "dense-f16", "dense-int8"), noise=0.0
    )
    rows.loc[rows["format"] == "dense-int8", "distance"] = 0.0039
    text = page(report_folder.write(tmp_path, rows)).text
    assert "dense-int8 lossy, saves 50 %" in text
    assert "moves weights by up to 0.39 % of the largest one" in text
    assert "Lossy dense-int8 saves 50 % of the dense bytes" in text


def test_what_takes_more_bytes_than_dense_is_said_to(tmp_path):
    rows = synthetic.by_hand({"macko": [2.0, 1.5, 1.2], "dense-int8": [1.1, 1.1, 1.1]})
    rows.loc[rows["format"] == "macko", "packed_bytes"] = rows["dense_bytes"] * rows["density"] * 4
    rows.loc[rows["format"] == "dense-int8", "packed_bytes"] = rows["dense_bytes"] * 1.06
    text = page(report_folder.write(tmp_path, rows)).text
    assert "saves 60 % of the dense bytes at density 0.1 (macko), 20 % at 0.2 (macko)" in text
    assert "and takes 20 % more at 0.3 (macko)" in text
    assert "20 % more 1.10x" in text
    assert "dense-int8 lossy, takes 6 % more" in text
    assert "Lossy dense-int8 takes 6 % more than the dense bytes" in text


def test_devices_stand_side_by_side_in_one_table(two_devices):
    found = page(two_devices)
    groups = [tag for tag in found.tags if tag[1].get("scope") == "colgroup"]
    assert [attributes["colspan"] for _, attributes in groups] == ["3", "4"]
    assert "amd-epyc-9b14-2c, 2 threads nvidia-h200 density" in found.text


def test_a_density_that_one_device_did_not_measure_leaves_its_cells_empty(two_devices):
    (row,) = re.findall(
        r'<tr><th scope="row" class="number">0.4</th>.*?</tr>', page(two_devices).html
    )
    assert "bitmap" in row
    assert row.count("<td") == 7
    assert len(re.findall(r"<td[^>]*>\s*</td>", row)) == 4


def test_sparse_that_never_wins_is_said(tmp_path):
    rows = synthetic.by_hand({"macko": [0.9, 0.5]})
    text = page(report_folder.write(tmp_path, rows)).text
    assert "No sparse format is faster than dense-f16 at any density measured, 0.1 to 0.2" in text


def test_without_a_dense_format_times_stand_in_place_of_speed_ups(tmp_path):
    rows = synthetic.records(synthetic.SHAPES[:1], (0.1,), formats=("macko", "csr16"))
    text = page(report_folder.write(tmp_path, rows)).text
    assert "There is no dense format to compare with" in text
    assert "no dense row of float16; add dense-f16" in text
    assert re.search(r"density fastest time bytes saved 0.1 \w+ [\d.]+ µs", text)


def test_a_folder_without_any_time_is_reported_with_the_reasons(tmp_path):
    rows = report_folder.records()
    rows = synthetic.fail(rows, rows["format"] != "", "crashed", "signal 11")
    found = page(report_folder.write(tmp_path, rows))
    assert "No record has a time that may be compared: there is no answer" in found.text
    assert "No figure" in found.text
    assert "4 crashed: macko: signal 11" in found.text
    assert found.data["status"] == ["crashed"] * len(rows)


# The figures


def test_figures_are_svg_whose_ids_are_their_own(folder):
    found = page(folder)
    drawn = [attributes for tag, attributes in found.tags if tag == "svg"]
    assert [svg["aria-label"].partition(":")[0] for svg in drawn] == [
        "speedup",
        "effective_density",
        "time",
        "bandwidth",
    ]
    ids = [attributes["id"] for _, attributes in found.tags if attributes.get("id")]
    assert len(set(ids)) == len(ids)
    references = re.findall(r'(?:url\(|href=")#([^)"]+)', found.html)
    assert len(references) > 100
    assert set(references) <= set(ids)


def test_the_words_of_a_figure_are_text(folder):
    text = page(folder).text
    assert "Speed-up over dense-f16 against density" in text
    assert "effective density (packed bytes / dense bytes)" in text


def test_figures_that_the_page_has_no_room_for_are_named(folder, monkeypatch):
    monkeypatch.setattr(figures, "MOST_BYTES", 10)
    found = page(folder)
    assert sum(tag == "svg" for tag, _ in found.tags) == 1
    assert "Not in the page, to keep it small: 6 more" in found.text
    assert "time: sparsity_sweep · amd-epyc-9b14-2c" in found.text


def test_of_one_kind_there_are_few_conditions_and_sizes_are_drawn_once(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "EACH", 2)
    many = [report_folder.records(threads=n) for n in (1, 2, 4)]
    found = page(report_folder.write(tmp_path, pd.concat(many)))
    kinds = [a["aria-label"].partition(":")[0] for tag, a in found.tags if tag == "svg"]
    assert kinds.count("speedup") == 2
    assert kinds.count("effective_density") == 1


def test_drawing_changes_nothing_of_matplotlib(folder):
    before = dict(matplotlib.rcParams)
    page(folder)
    assert dict(matplotlib.rcParams) == before


def test_every_colour_can_be_seen_on_a_dark_screen(folder):
    found = page(folder)
    light, _, dark = found.html.partition(":root{--c")[2].partition("@media")
    used = set(re.findall(r"var\(--c(\w{6})\)", found.html))
    assert len(used) > 5
    assert used == set(re.findall(r"(\w{6}):#\1", light))
    assert used == set(re.findall(r"--c(\w{6}):", dark.partition("</style>")[0]))
    assert colors.on_dark("ffffff") == "#171717"
    assert colors.on_dark("000000") == "#ffffff"
    assert colors.on_dark("d55e00") == "#d55e00"
    assert int(colors.on_dark("300042")[1:3], 16) > 0x80


# The records


def test_every_record_is_in_the_page_with_the_reason_of_those_without_a_time(tmp_path):
    rows = report_folder.records()
    wrong = (rows["format"] == "macko") & (rows["density"] == 0.4)
    rows = synthetic.fail(rows, wrong, "wrong", "row 3: seen 1, expected 2")
    data = page(report_folder.write(tmp_path, rows)).data
    assert data["format"] == rows["format"].to_list()
    assert data["density"] == rows["density"].to_list()
    assert data["shape"] == ["4096 x 4096"] * len(rows)
    at = wrong.to_list().index(True)
    assert data["median_us"][at] is None
    assert data["status"].count("wrong") == 1
    assert data["reason"][at] == "row 3: seen 1, expected 2"
    others = rows["median_us"].drop(index=at)
    assert [v for v in data["median_us"] if v] == pytest.approx(others.to_list(), rel=1e-4)


def test_columns_that_are_empty_throughout_are_left_out(folder):
    data = page(folder).data
    assert "power_w" not in data
    assert "samples_offset" not in data
    assert {"packed_bytes", "nnz"} & set(data) == {"packed_bytes"}


# Where it is from


def test_the_environment_the_protocol_and_the_experiment_are_there(folder):
    text = page(folder).text
    for said in ("commit 0123456789ab", "features avx2, fma", "libraries: numpy 2.4.6", "1-abc"):
        assert said in text
    assert "formats: [macko, bitmap, csr16, dense-f16]" in text


def test_the_commands_measure_it_again(folder):
    text = page(folder).text
    assert "Save this experiment as sparsity_sweep.yaml" in text
    assert "git checkout 0123456789ab" in text
    assert "python -m pip install -e . numpy==2.4.6 torch==2.13.0" in text
    assert "spmvbench run sparsity_sweep.yaml" in text
    assert "spmvbench report results/sparsity_sweep/amd-epyc-9b14-2c" in text


def test_an_unknown_commit_is_not_checked_out(tmp_path):
    entry = report_folder.ENVIRONMENT | {"commit": "unknown"}
    text = page(report_folder.write(tmp_path, report_folder.records(), entry)).text
    assert "git checkout" not in text
    assert "16 rows: commit not known; source_hash fedcba987654" in text


def test_without_an_experiment_file_no_commands_are_made_up(folder):
    (folder / "experiment.yaml").unlink()
    assert "the exact commands are not known" in page(folder).text


def test_a_clean_run_has_no_warnings(folder):
    text = page(folder).text
    assert "16 records, all with a time that may be compared. Answer" in text
    assert "Warnings None" in text


def test_disturbed_rows_dirty_commits_and_missing_formats_are_warned_of(tmp_path):
    rows = report_folder.records()
    rows["flags"] = ["contended:12%", *[""] * (len(rows) - 1)]
    rows = synthetic.fail(rows, rows["format"] == "csr16", "unavailable", "needs AVX")
    entry = report_folder.ENVIRONMENT | {"commit": "0123456789ab+dirty"}
    asked = "name: sparsity_sweep\nformats: [macko, slab4]\n"
    text = page(report_folder.write(tmp_path, rows, entry, asked)).text
    assert "4 warnings to read before a number is trusted" in text
    assert "flags: contended in 1 of 12 rows (up to 12 %" in text
    assert "16 rows: measured with changes beside commit 0123456789ab" in text
    assert "4 unavailable: csr16: needs AVX" in text
    assert "sparsity_sweep/amd-epyc-9b14-2c: no row of slab4, which the experiment asks for" in text


def test_mixed_environments_and_protocols_are_warned_of(tmp_path):
    rows = report_folder.records()
    early = rows["density"] < 0.5
    rows.loc[early, "environment"] = "before"
    rows.loc[early, "protocol"] = "1-other"
    folder = report_folder.write(tmp_path, rows)
    other = report_folder.ENVIRONMENT | {"libraries": {"numpy": "2.0.0"}}
    both = {"here": report_folder.ENVIRONMENT, "before": other}
    (folder / "environment.json").write_text(pd.Series(both).to_json())
    text = page(folder).text
    where = (
        "sparsity_sweep · amd-epyc-9b14-2c · float16 · uniform · batch 1 · cold cache · 2 threads"
    )
    assert f"{where}: rows of 2 environments, which differ in libraries: numpy" in text
    assert f"{where}: rows of 2 protocols" in text


def test_rows_of_an_environment_that_is_not_beside_them_are_warned_of(tmp_path):
    rows = report_folder.records(environment="lost")
    text = page(report_folder.write(tmp_path, rows)).text
    assert "16 rows: environment lost is not in environment.json" in text


# One page, offline, and safe


def test_names_and_reasons_of_strangers_are_never_markup(tmp_path):
    rows = report_folder.records()
    rows = synthetic.fail(rows, rows["format"] == "csr16", "error", HOSTILE)
    for column in ("format", "device", "experiment", "pattern"):
        rows[column] = rows[column].replace(rows[column].iloc[0], f"{column}{HOSTILE}")
    entry = report_folder.ENVIRONMENT | {"system": HOSTILE}
    found = page(report_folder.write(tmp_path, rows, entry, f"name: x # {HOSTILE}"))
    scripts = [attributes for tag, attributes in found.tags if tag == "script"]
    assert scripts == [{"type": "application/octet-stream", "id": "data"}, {}]
    assert HOSTILE not in found.html
    for said in (f"error: csr16: {HOSTILE}", f"format{HOSTILE}", f"device{HOSTILE}"):
        assert said in found.text
    assert f"system {HOSTILE}" in found.text
    assert f"name: x # {HOSTILE}" in found.text


def test_only_the_script_of_the_page_may_run(folder):
    found = page(folder)
    (policy,) = [a["content"] for tag, a in found.tags if a.get("http-equiv")]
    digest = base64.b64encode(hashlib.sha256(found.script.encode()).digest()).decode()
    assert policy.startswith("default-src 'none';")
    assert f"script-src 'sha256-{digest}'" in policy


def test_nothing_is_asked_of_the_network(folder):
    found = page(folder)
    for _, attributes in found.tags:
        for name in ("src", "href", "srcset", "action", "xlink:href"):
            assert attributes.get(name, "#")[:1] == "#" or attributes[name] == "data:,"
    assert not re.search(r"https?://|@import|url\([^#]", found.html)


def test_it_is_the_same_bytes_for_the_same_records(folder, tmp_path, monkeypatch):
    one = write_report([folder], tmp_path / "one.html").read_bytes()
    monkeypatch.chdir(folder.parent)
    relative = folder.relative_to(folder.parent)
    assert write_report([relative], tmp_path / "two.html").read_bytes() == one
    assert str(tmp_path).encode() not in one


def test_a_page_of_a_large_sweep_is_small(tmp_path):
    shapes = [(256 * (i + 8), 256 * (40 - i)) for i in range(31)]
    rows = pd.concat([synthetic.records(shapes, threads=n) for n in (1, 2)])
    path = write_report([report_folder.write(tmp_path, rows)])
    assert len(rows) > 5000
    assert path.stat().st_size < 3_000_000


# The command


def command(capsys, monkeypatch, *words):
    """Exit code, standard output and standard error."""
    monkeypatch.setattr(sys, "argv", ["spmvbench", "report", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return (ended.value.code or 0, *capsys.readouterr())


def test_the_page_is_written_into_the_first_folder_named(two_devices, capsys, monkeypatch):
    first, second = two_devices / "sparsity_sweep" / "gpu", two_devices / "sparsity_sweep" / "cpu"
    code, out, err = command(capsys, monkeypatch, first, second)
    assert (code, err) == (0, "")
    assert re.fullmatch(rf"wrote {first}/report\.html \(\d\.\d\d MB\)\n", out)
    assert not (second / "report.html").exists()


def test_of_a_file_it_is_written_beside_it(folder, capsys, monkeypatch):
    code, out, _ = command(capsys, monkeypatch, folder / "records.csv")
    assert code == 0
    assert out.startswith(f"wrote {folder}/report.html (")


def test_out_names_another_place(folder, tmp_path, capsys, monkeypatch):
    path = tmp_path / "new" / "folder" / "page.html"
    code, out, _ = command(capsys, monkeypatch, folder, "--out", path)
    assert code == 0
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("records.csv", None, "no records.csv there or below"),
        ("records.csv", b"", "no rows in any records.csv"),
        ("records.csv", b"a,b\n1,2\n", "columns differ from schema"),
        ("records.csv", b"\xff\xfe", "cannot be read as a table"),
        ("environment.json", b"{", "not the JSON that a run writes"),
        ("experiment.yaml", b"\xff", "cannot be read as text"),
    ],
)
def test_what_cannot_be_read_is_one_line_and_exit_code_2(
    folder, capsys, monkeypatch, file, text, said
):
    (folder / file).unlink()
    if text is not None:
        (folder / file).write_bytes(text)
    code, out, err = command(capsys, monkeypatch, folder)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert said in err
    assert str(folder) in err


def test_a_place_that_cannot_be_written_is_one_line_and_exit_code_2(folder, capsys, monkeypatch):
    code, _, err = command(capsys, monkeypatch, folder, "--out", folder)
    assert code == 2
    assert err.startswith(f"error: {folder}: cannot be written (Is a directory)")
    assert err.count("\n") == 1


def test_an_experiment_that_is_no_yaml_is_shown_as_it_is(folder):
    (folder / "experiment.yaml").write_text("name: [")
    assert "name: [" in page(folder).text


def test_the_newest_row_of_a_case_counts_across_folders(folder, tmp_path):
    again = report_folder.write(tmp_path / "again", report_folder.records(median_us=1.0))
    data = page(folder, again).data
    assert data["median_us"] == [1] * 16
    with pytest.raises(ResultsError, match="no such file or folder"):
        write_report([tmp_path / "nowhere"])
