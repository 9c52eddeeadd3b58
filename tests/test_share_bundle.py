"""A bundle: the same results are the same bytes, and nothing that it holds can harm."""

import json
import os
import shutil
import zipfile

import measured
import pytest

from spmvbench.errors import ResultsError
from spmvbench.records import load
from spmvbench.share import source, verify
from spmvbench.share.bundle import bundle
from spmvbench.share.folders import folders
from spmvbench.share.manifest import content_hash, entries
from spmvbench.share.source import opened


def complaints(top):
    return verify.complaints(top, folders(top))


@pytest.fixture
def folder(tmp_path):
    return measured.write(tmp_path / "mine", suite="llm4-v1@78350b68eb96")


@pytest.fixture
def zipped(folder, tmp_path):
    return bundle(folder, tmp_path / "mine.zip")


def verified(path):
    with opened(path) as top:
        return complaints(top)


def rewrite(path, change):
    """The same zip with other entries: `change` gets and gives a dict of name -> bytes."""
    with zipfile.ZipFile(path) as file:
        held = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(path, "w") as file:
        for name, data in change(held).items():
            file.writestr(name, data)


def test_a_bundle_is_right_and_holds_what_the_folder_does(folder, zipped):
    assert verified(zipped) == []
    with opened(zipped) as top:
        assert load([top]).equals(load([folder]))


def test_the_same_results_are_the_same_bytes_wherever_and_whenever(folder, zipped, tmp_path):
    other = tmp_path / "elsewhere" / "copy"
    shutil.copytree(folder, other)
    for path in other.iterdir():
        os.utime(path, (0, 0))
    assert bundle(other, tmp_path / "other.zip").read_bytes() == zipped.read_bytes()


def test_no_entry_has_a_date(zipped):
    with zipfile.ZipFile(zipped) as file:
        assert {entry.date_time for entry in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_figures_and_locks_stay_out(folder, tmp_path):
    (folder / "plots").mkdir()
    (folder / "plots" / "speedup.png").write_bytes(b"")
    with zipfile.ZipFile(bundle(folder, tmp_path / "a.zip")) as file:
        names = file.namelist()
    assert set(names) == {source.MANIFEST, *source.FILES}


def test_the_manifest_has_hash_suite_and_versions(zipped, folder):
    with zipfile.ZipFile(zipped) as file:
        said = json.loads(file.read("manifest.json"))
    assert said["hash"] == content_hash(entries(folders(folder)))
    facts = said["facts"]
    assert (facts["versions"], facts["commits"]) == (["0.1.0"], ["0123456789ab"])
    assert facts["suites"] == [{"pinned": "llm4-v1@78350b68eb96", "problems": 20, "measured": 0}]
    assert facts["measured"] == list(measured.DATES)


def test_the_hash_is_that_of_what_sha256sum_prints(folder):
    listed = entries(folders(folder))
    assert [entry.name for entry in listed] == sorted(source.FILES)
    assert content_hash(listed) != content_hash(listed[1:])


def test_a_tree_is_bundled_with_its_folders(tmp_path):
    measured.write(tmp_path / "r" / "mine" / "a")
    measured.write(tmp_path / "r" / "mine" / "b")
    path = bundle(tmp_path / "r", tmp_path / "r.zip")
    with zipfile.ZipFile(path) as file:
        assert {n.rpartition("/")[0] for n in file.namelist()} == {"", "mine/a", "mine/b"}
    assert verified(path) == []


def test_by_default_experiment_and_device_name_it(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(bundle(folder, None)) == "mine-some-cpu-2c.zip"


def test_a_file_that_is_there_is_not_overwritten(folder, zipped):
    with pytest.raises(ResultsError, match=r"mine\.zip: is there already; .* with --out$"):
        bundle(folder, zipped)


def test_results_that_do_not_hold_together_are_not_bundled(folder, tmp_path):
    (folder / "samples.bin").write_bytes(b"")
    with pytest.raises(ResultsError, match=r"does not have its 11 samples.*verify"):
        bundle(folder, tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()


def test_a_folder_that_cannot_be_written_is_one_line_and_leaves_nothing(folder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match=r"cannot be written .* with --out$"):
        bundle(folder, tmp_path / "file" / "a.zip")


def changed(held):
    return held | {"records.csv": held["records.csv"].replace(b"some-cpu", b"some-gpu")}


def without_samples(held):
    return {name: data for name, data in held.items() if name != "samples.bin"}


def with_a_folder(held):
    return held | {"more/dates.json": b"{}", "more/records.csv": held["records.csv"]}


def with_other_facts(held):
    return held | {"manifest.json": held["manifest.json"].replace(b"Some CPU", b"Best CPU")}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (changed, "records.csv: was changed after bundling"),
        (without_samples, "samples.bin: is missing, the manifest has it"),
        (with_a_folder, "more/dates.json: is not in the manifest"),
        (with_other_facts, "manifest.json: hash or facts are not those of the files"),
    ],
)
def test_a_bundle_that_was_changed_says_what(zipped, change, said):
    rewrite(zipped, change)
    assert any(line.startswith(said) for line in verified(zipped))


NO_MANIFEST = [b"", b"{", b"[]", b"{}", b'{"manifest": 1, "files": [1]}', b"\xff"]


@pytest.mark.parametrize("text", NO_MANIFEST)
def test_a_broken_manifest_is_one_line_that_names_the_bundle(zipped, text):
    rewrite(zipped, lambda held: held | {"manifest.json": text})
    with pytest.raises(ResultsError, match=r"^\S+mine\.zip/manifest\.json: no manifest") as caught:
        verified(zipped)
    assert "\n" not in str(caught.value)


def test_a_manifest_of_a_later_version_asks_for_it(zipped):
    def later(held):
        return held | {"manifest.json": held["manifest.json"].replace(b": 1,", b": 2,", 1)}

    rewrite(zipped, later)
    assert verified(zipped) == [
        "manifest.json: has version 2, expected 1: verify it with the newer one"
    ]


def test_a_bundle_packed_again_by_other_means_is_still_right(zipped, tmp_path):
    with zipfile.ZipFile(zipped) as file:
        file.extractall(tmp_path / "unpacked")
    again = shutil.make_archive(str(tmp_path / "again"), "zip", tmp_path / "unpacked")
    assert verified(tmp_path / "again.zip") == []
    assert again.endswith("again.zip")


ODD = (
    *("../records.csv", "/records.csv", "a/../../records.csv", "a\\records.csv", "C:records.csv"),
    *("./records.csv", "a//records.csv", "run.sh", "records.csv/x", "deep/manifest.json"),
)


@pytest.mark.parametrize("name", ODD)
def test_a_name_that_leads_elsewhere_is_refused_before_anything_is_unpacked(
    zipped, name, monkeypatch
):
    monkeypatch.setattr(zipfile.ZipFile, "open", None)
    with zipfile.ZipFile(zipped) as file:
        entry = file.infolist()[0]
    entry.filename = name
    with pytest.raises(ResultsError, match="which no bundle does; not unpacked"):
        source._check(zipped, [entry])


def test_a_traversal_writes_nothing(tmp_path):
    path = tmp_path / "a" / "bad.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("../../records.csv", "x")
    with pytest.raises(ResultsError, match=r"holds '\.\./\.\./records\.csv'"):
        verified(path)


def test_an_entry_twice_is_refused(zipped):
    with zipfile.ZipFile(zipped, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("records.csv", "x")
    with pytest.raises(ResultsError, match="holds records.csv twice"):
        verified(zipped)


def test_a_zip_bomb_is_refused_by_what_it_would_unpack_to(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "MOST_BYTES", 10**6)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("records.csv", b"\0" * (10**6 + 1))
    assert path.stat().st_size < 10_000
    with pytest.raises(ResultsError, match="would unpack to 1,000,001 bytes.*at most 1,000,000"):
        verified(path)


def test_a_bomb_that_lies_about_its_size_is_not_unpacked_beyond_it(tmp_path):
    path = tmp_path / "liar.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("records.csv", b"\0" * 10**6)
    size = (10**6).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(size, (10).to_bytes(4, "little")))
    with pytest.raises(ResultsError, match="broken one"):
        verified(path)


def test_too_many_files_are_refused(zipped, monkeypatch):
    monkeypatch.setattr(source, "MOST_FILES", 5)
    with pytest.raises(ResultsError, match="in 6 files; expected at most .* in 5"):
        verified(zipped)


@pytest.mark.parametrize("damage", [lambda b: b"no zip", lambda b: b[: len(b) // 2], lambda b: b""])
def test_what_is_no_zip_is_one_line(zipped, damage):
    zipped.write_bytes(damage(zipped.read_bytes()))
    with pytest.raises(ResultsError, match=r"mine\.zip: not a bundle, or a broken one") as caught:
        verified(zipped)
    assert "\n" not in str(caught.value)


def test_flipped_bytes_are_noticed(zipped):
    raw = bytearray(zipped.read_bytes())
    place = raw.find(b"some-cpu")
    raw[place] ^= 1
    zipped.write_bytes(raw)
    with pytest.raises(ResultsError, match="broken one.*get it again"):
        verified(zipped)


def test_an_encrypted_zip_is_one_line(zipped):
    raw = bytearray(zipped.read_bytes())
    for mark, flag in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = raw.find(mark)
        while place >= 0:
            raw[place + flag] |= 1
            place = raw.find(mark, place + 4)
    zipped.write_bytes(raw)
    with pytest.raises(ResultsError, match="encrypted"):
        verified(zipped)


def test_what_is_not_there_is_one_line(tmp_path):
    with pytest.raises(
        ResultsError, match=r"nowhere: there is no such file or folder; expected a results"
    ):
        verified(tmp_path / "nowhere")
