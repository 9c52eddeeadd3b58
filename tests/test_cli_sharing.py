"""The commands for sharing as a user meets them: what they print, and how they end."""

import json
import sys
import zipfile

import measured
import pytest

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
    assert spmvbench("bundle", folder) == (0, "mine-some-cpu-2c.zip\n", "")
    code, out, _ = spmvbench("verify", "mine-some-cpu-2c.zip")
    assert code == 0
    assert out.startswith("right: 4 rows, 4 of them with samples; sha256 ")
    digest = out.split()[-1]
    code, out, _ = spmvbench("cite", "mine-some-cpu-2c.zip")
    assert code == 0
    assert out.endswith(f"sha256 {digest}.\n")
    assert out.startswith("@software{spmvbench,")


def test_results_are_taken_by_default(spmvbench, folder):
    assert spmvbench("verify")[0] == 0
    assert spmvbench("cite")[0] == 0
    assert spmvbench("bundle", "--out", "a.zip") == (0, "a.zip\n", "")


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
        "all/mine/some-cpu-2c: 4 rows",
        "4 older rows of the same cases left out",
        "conflict: 4 cases of mine/some-cpu-2c: b/. is kept, not results/mine/some-cpu-2c: "
        "commit 0123456789ab -> ffff",
    ]


def test_export_writes_a_file_or_prints(spmvbench, folder):
    assert spmvbench("export", folder, "--json", "all.json") == (0, "export   all.json\n", "")
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
    assert ": 8 rows\n" in out
    assert spmvbench("verify", "all")[0] == 0
    assert ", measured 2" in spmvbench("cite", "all")[1]
    assert "8 rows are measured already" in spmvbench("run", "tiny.yaml", "--out", "all")[1]
