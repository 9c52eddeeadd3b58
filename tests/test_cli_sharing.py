"""The commands for sharing as a user meets them: what they print, and how they end."""

import json
import re
import sys
import tempfile
import zipfile

import measured
import pytest
import yaml

from spmvbench import cli, suites
from spmvbench.record import COLUMNS


@pytest.fixture
def spmvbench(monkeypatch, capsys, tmp_path):
    """Runs a command in an empty folder; exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["spmvbench", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return ended.value.code or 0, said.out, said.err

    return call


@pytest.fixture
def folder(tmp_path):
    return measured.write(tmp_path / "results" / "mine" / "some-cpu-2c")


def test_suites_are_listed_with_their_hash(spmvbench):
    code, out, _ = spmvbench("suites")
    assert code == 0
    for name in suites.names():
        assert suites.suite(name).pinned in out
        assert f"spmvbench run suite:{name}" in out


def test_from_a_folder_to_a_bundle_that_is_verified_and_cited(spmvbench, folder):
    said = "wrote mine-some-cpu-2c.zip\nnext: spmvbench cite mine-some-cpu-2c.zip\n"
    assert spmvbench("bundle", folder) == (0, said, "")
    code, out, _ = spmvbench("verify", "mine-some-cpu-2c.zip")
    assert code == 0
    assert out.startswith("right: 4 rows, 4 of them with samples; sha256 ")
    digest = out.split()[-1]
    code, out, _ = spmvbench("cite", "mine-some-cpu-2c.zip")
    assert code == 0
    assert out.endswith(f"sha256 {digest}.\n")
    assert out.startswith("@software{spmvbench,")


@pytest.fixture
def sent(spmvbench, folder, tmp_path):
    """The folder as a bundle; it has a target, which any ratio meets."""
    claim = {"faster": "macko", "than": "dense-f16", "densities": 0.1, "at_least": 0.001}
    said = {"name": "mine", "formats": ["dense-f16", "macko"], "targets": [claim]}
    (folder / "experiment.yaml").write_text(yaml.safe_dump(said))
    assert spmvbench("bundle", folder, "--out", "sent.zip")[0] == 0
    return tmp_path / "sent.zip"


@pytest.mark.parametrize(
    "words",
    [
        ["targets"],
        ["published"],
        ["cite"],
        ["verify"],
        ["export", "--csv", "-"],
        ["export", "--json", "-"],
    ],
    ids=" ".join,
)
def test_what_is_said_of_a_bundle_is_what_is_said_of_the_folder(spmvbench, folder, sent, words):
    command, *options = words
    said = spmvbench(command, folder, *options)
    assert said[::2] == (0, "")
    assert spmvbench(command, sent, *options) == said


@pytest.mark.parametrize("command", ["targets", "published", "verify"])
def test_a_folder_and_a_bundle_together_are_each_spoken_of(spmvbench, folder, sent, command):
    one = spmvbench(command, folder)[1]
    both = spmvbench(command, folder, sent)[1]
    assert len(both.splitlines()) == 2 * len(one.splitlines())


def test_an_export_of_several_has_the_newest_row_of_each_case(spmvbench, folder, sent, tmp_path):
    other = measured.write(tmp_path / "other", experiment="another")
    _, out, _ = spmvbench("export", sent, folder, other, "--csv", "-")
    assert len(out.splitlines()) == 1 + 4 + 4


def test_bundles_are_compared_and_one_named_twice_is_one_process_start(spmvbench, folder, sent):
    said = spmvbench("compare", folder, sent)
    assert said[0] == 0
    assert spmvbench("compare", sent, sent) == said
    twice = ("--base", sent, "--base", sent, "--new", sent, "--new", sent)
    assert spmvbench("compare", *twice) == said


def test_figures_of_a_bundle_go_beside_it_or_where_out_says(spmvbench, folder, sent, tmp_path):
    _, out, _ = spmvbench("plot", sent)
    assert re.fullmatch(rf"wrote {tmp_path}/sent-plots \(\d+ files\)\n", out)
    beside = {path.name for path in (tmp_path / "sent-plots").iterdir()}
    assert any(name.endswith(".svg") for name in beside)
    assert spmvbench("plot", sent, "--out", "pictures")[0] == 0
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == beside
    assert not (folder / "plots").exists()
    assert spmvbench("plot", folder)[0] == 0
    assert {path.name for path in (folder / "plots").iterdir()} == beside


def test_figures_of_a_tree_go_below_out_as_the_tree_is(spmvbench, folder, tmp_path):
    assert spmvbench("plot", "results", "--out", "pictures")[0] == 0
    assert list((tmp_path / "pictures" / "mine" / "some-cpu-2c").glob("*.png"))


def test_figures_that_would_overwrite_each_other_are_not_drawn(spmvbench, folder, sent, tmp_path):
    code, _, err = spmvbench("plot", folder, sent, "--out", "pictures")
    assert code == 2
    assert "would both go there; draw them one by one" in err
    assert not (tmp_path / "pictures").exists()


def test_the_report_of_a_bundle_is_beside_it_with_its_name(spmvbench, sent, folder, tmp_path):
    assert spmvbench("report", sent)[0] == 0
    assert spmvbench("report", folder)[0] == 0
    page = (tmp_path / "sent-report.html").read_bytes()
    assert page == (folder / "report.html").read_bytes()


@pytest.mark.parametrize(
    "command", ["plot", "report", "targets", "published", "verify", "cite", "bundle"]
)
def test_a_file_that_is_no_bundle_is_named_by_every_command(spmvbench, tmp_path, command):
    (tmp_path / "broken.zip").write_bytes(b"PK")
    code, _, err = spmvbench(command, "broken.zip")
    assert (code, len(err.splitlines())) == (2, 1)
    assert err.startswith("error: broken.zip: not a bundle, or a broken one")


def test_what_is_wrong_in_a_bundle_is_said_without_the_temporary_folder(spmvbench, sent):
    with zipfile.ZipFile(sent, "a") as file:
        file.writestr("more/records.csv", "a,b\n1,2\n")
    _, out, _ = spmvbench("verify", sent)
    assert "\nmore/records.csv" in out
    assert tempfile.gettempdir() + "/spmvbench-" not in out


def test_results_are_taken_by_default(spmvbench, folder):
    assert spmvbench("verify")[0] == 0
    assert spmvbench("cite")[0] == 0
    assert spmvbench("bundle", "--out", "a b.zip")[1].endswith("next: spmvbench cite 'a b.zip'\n")


def test_verify_ends_with_1_and_says_what_is_off(spmvbench, folder):
    (folder / "samples.bin").unlink()
    code, out, err = spmvbench("verify", folder)
    assert (code, err) == (1, "")
    assert out.splitlines()[0].startswith("records.csv:2: dense-f16 on 64x64/d0.1/")


def test_verify_does_not_fill_the_screen(spmvbench, tmp_path):
    folder = measured.write(tmp_path / "big", formats=[f"f{i}" for i in range(15)])
    (folder / "samples.bin").unlink()
    lines = spmvbench("verify", folder)[1].splitlines()
    assert (len(lines), lines[-1]) == (21, "and 10 more")


def test_merge_says_what_it_made_and_what_was_in_conflict(spmvbench, folder, tmp_path):
    other = measured.ENVIRONMENT | {"commit": "ffff"}
    later = ("2026-05-01T00:00Z", "2026-05-01T00:00Z")
    measured.write(tmp_path / "b", seed=2, environment=other, when=later)
    code, out, _ = spmvbench("merge", "results", "b", "--out", "all")
    assert code == 0
    assert out.splitlines() == [
        "4 older rows of the same cases left out",
        "conflict: 4 cases of mine/some-cpu-2c: b/. is kept, not results/mine/some-cpu-2c: "
        "commit 0123456789ab -> ffff",
        "wrote all/mine/some-cpu-2c (4 rows)",
        "next: spmvbench verify all",
    ]


def test_export_writes_a_file_or_prints(spmvbench, folder):
    assert spmvbench("export", folder, "--json", "all.json") == (0, "wrote all.json\n", "")
    with open("all.json") as file:
        assert len(json.load(file)) == 4
    code, out, _ = spmvbench("export", folder, "--csv", "-")
    assert (code, out.splitlines()[0]) == (0, ",".join(COLUMNS))
    assert len(out.splitlines()) == 5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["bundle", "nowhere"], "error: nowhere: there is no such file"),
        (["verify", "nowhere"], "error: nowhere: there is no such file"),
        (["cite", "nowhere"], "error: nowhere: there is no such file"),
        (["export", "nowhere", "--csv", "-"], "error: nowhere: there is no such file"),
        (["merge", "nowhere", "--out", "x"], "error: nowhere: there is no such file"),
        (["export"], "error: export: expected either --csv FILE or --json FILE"),
        (["export", "--csv", "-", "--json", "-"], "error: export: expected either"),
        (["verify", "broken.zip"], "error: broken.zip: not a bundle, or a broken one"),
        (["verify", "evil.zip"], "error: evil.zip: holds '../records.csv', which no bundle does"),
        (["verify", "empty"], "error: empty: no records.csv there or below"),
        (["run", "smoke", "--shard", "3/2"], "error: --shard 3/2: expected i/n with i from 1"),
        (["run", "smoke", "--shard", "0/4"], "error: --shard 0/4: expected i/n with i from 1"),
        (["run", "suite:llm4-v2"], "error: unknown suite 'llm4-v2'; did you mean 'llm4-v1'?"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(spmvbench, tmp_path, words, said):
    (tmp_path / "broken.zip").write_bytes(b"PK")
    (tmp_path / "empty").mkdir()
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as file:
        file.writestr("../records.csv", "")
    code, out, err = spmvbench(*words)
    assert (code, out) == (2, "")
    assert err.startswith(said)
    assert len(err.splitlines()) == 1


TINY = "formats: [csr16, dense-f16]\nshapes: [[40, 64], [64, 128]]\ndensities: [0.2, 0.5]\n"
TINY += "cache: hot\nthreads: 1\ntiming: {budget_s: 0.02, min_samples: 10}\n"


def test_two_shards_of_a_run_merge_into_the_whole(spmvbench, tmp_path):
    (tmp_path / "tiny.yaml").write_text(TINY)
    for i in (1, 2):
        assert spmvbench("run", "tiny.yaml", "--shard", f"{i}/2", "--out", f"shards/{i}")[0] == 0
    code, out, _ = spmvbench("merge", "shards", "--out", "all")
    assert code == 0
    assert "wrote all/tiny/" in out
    assert "(8 rows)\n" in out
    assert spmvbench("verify", "all")[0] == 0
    assert ", measured 2" in spmvbench("cite", "all")[1]
    assert "8 rows are measured already" in spmvbench("run", "tiny.yaml", "--out", "all")[1]
