"""Merged results: every case once, its samples and environment with it, conflicts by name."""

import json
from dataclasses import replace

import measured
import numpy as np
import pytest

from spmvbench import dates, hashes
from spmvbench.errors import ResultsError
from spmvbench.records import Results, environments, samples
from spmvbench.share import verify
from spmvbench.share.bundle import bundle
from spmvbench.share.folders import folders
from spmvbench.share.merge import merge
from spmvbench.table import read

FIRST, SECOND = ([problem] for problem in measured.PROBLEMS)
PLACE = "mine/some-cpu-2c"
LATER = ("2026-04-01T00:00Z", "2026-04-02T00:00Z")
NEW = measured.ENVIRONMENT | {"commit": "ffffffffffff", "libraries": {"numpy": "2.5.0"}}


def complaints(top):
    return verify.complaints(top, folders(top))


def times(folder):
    """The samples of every row, by case."""
    return {
        row.case: samples(folder, row.samples_offset, row.samples).tolist()
        for row in read(folder / "records.csv")
    }


def test_shards_become_the_whole_with_their_own_samples(tmp_path):
    one = measured.write(tmp_path / "a", FIRST, seed=1)
    two = measured.write(tmp_path / "b", SECOND, seed=2)
    made = merge([one, two], tmp_path / "out")
    assert (made.rows, made.superseded, made.conflicts) == ({PLACE: 4}, 0, [])
    assert times(tmp_path / "out" / PLACE) == times(one) | times(two)
    assert complaints(tmp_path / "out") == []


def test_environments_dates_and_experiment_come_along(tmp_path):
    one = measured.write(tmp_path / "a", FIRST)
    two = measured.write(tmp_path / "b", SECOND, environment=NEW, when=LATER)
    merge([one, two], tmp_path / "out")
    folder = tmp_path / "out" / PLACE
    assert environments(folder) == environments(one) | environments(two)
    assert dates.read(folder) == dates.read(one) | dates.read(two)
    assert (folder / "experiment.yaml").read_text() == (two / "experiment.yaml").read_text()


def test_the_dates_of_one_environment_are_joined(tmp_path):
    one = measured.write(tmp_path / "a", FIRST)
    two = measured.write(tmp_path / "b", SECOND, when=LATER)
    merge([one, two], tmp_path / "out")
    (span,) = dates.read(tmp_path / "out" / PLACE).values()
    assert span == (measured.DATES[0], LATER[1])


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_row_measured_last_wins_in_whatever_order(tmp_path, order):
    both = [
        measured.write(tmp_path / "old", seed=1),
        measured.write(tmp_path / "new", seed=2, when=LATER),
    ]
    made = merge([both[i] for i in order], tmp_path / "out")
    assert times(tmp_path / "out" / PLACE) == times(both[1])
    assert (made.superseded, made.conflicts) == (4, [])


def test_without_dates_the_path_given_last_wins(tmp_path):
    one = measured.write(tmp_path / "a", seed=1, when=None)
    two = measured.write(tmp_path / "b", seed=2, when=None)
    merge([two, one], tmp_path / "out")
    assert times(tmp_path / "out" / PLACE) == times(one)
    assert dates.read(tmp_path / "out" / PLACE) == {}


def test_within_a_folder_the_last_row_of_a_case_counts(tmp_path):
    one = measured.write(tmp_path / "a", FIRST, seed=1)
    measured.write(one, FIRST, seed=2)
    two = measured.write(tmp_path / "b", FIRST, seed=2)
    merge([one], tmp_path / "out")
    assert times(tmp_path / "out" / PLACE) == times(two)


def test_copies_of_a_row_are_not_called_older_rows(tmp_path):
    one = measured.write(tmp_path / "a")
    made = merge([one, bundle(one, tmp_path / "a.zip")], tmp_path / "out")
    assert (made.rows, made.superseded, made.conflicts) == ({PLACE: 4}, 0, [])


def test_cases_measured_under_other_conditions_are_named_with_what_differs(tmp_path):
    one = measured.write(tmp_path / "a", seed=1)
    two = measured.write(tmp_path / "b", FIRST, seed=2, environment=NEW, when=LATER)
    (said,) = map(str, merge([one, two], tmp_path / "out").conflicts)
    assert said == (
        f"2 cases of {PLACE}: {two}/. is kept, not {one}/.: "
        "commit 0123456789ab -> ffffffffffff, libraries.numpy 2.4.0 -> 2.5.0"
    )


def test_another_protocol_is_a_conflict_too(tmp_path):
    one = measured.write(tmp_path / "a", FIRST)
    two = measured.write(tmp_path / "b", FIRST)
    text = (two / "records.csv").read_text()
    (two / "records.csv").write_text(text.replace("1-abcdef01", "1-00000000"))
    (said,) = merge([one, two], tmp_path / "out").conflicts
    assert said.differences == "protocol 1-abcdef01 -> 1-00000000"
    assert said.rows == 2


def test_many_differences_are_cut(tmp_path):
    many = measured.ENVIRONMENT | {f"key{i}": i for i in range(9)}
    one = measured.write(tmp_path / "a", FIRST)
    two = measured.write(tmp_path / "b", FIRST, environment=many)
    (said,) = merge([one, two], tmp_path / "out").conflicts
    assert said.differences.endswith("key4 nothing -> 4, and 4 more")


def test_other_experiments_and_devices_stay_apart(tmp_path):
    measured.write(tmp_path / "r" / "a")
    measured.write(tmp_path / "r" / "b", experiment="other")
    made = merge([tmp_path / "r"], tmp_path / "out")
    assert made.rows == {PLACE: 4, "other/some-cpu-2c": 4}
    assert complaints(tmp_path / "out") == []


def test_rows_without_samples_are_kept(tmp_path):
    one = measured.write(tmp_path / "a", FIRST)
    row = read(one / "records.csv")[0]
    with Results(one) as results:
        results.append(replace(row, format="new", status="crashed", median_us=None, samples=None))
    merge([one], tmp_path / "out")
    assert read(tmp_path / "out" / PLACE / "records.csv")[-1].samples_offset is None


def test_a_merge_is_done_again_into_its_own_folder_and_leaves_nothing_stale(tmp_path):
    one = measured.write(tmp_path / "a", seed=1)
    two = measured.write(tmp_path / "b", experiment="other")
    merge([one, two], tmp_path / "out")
    (tmp_path / "out" / PLACE / "plots").mkdir()
    merge([one], tmp_path / "out")
    assert sorted(p.parent.name for p in (tmp_path / "out").rglob("records.csv")) == ["some-cpu-2c"]
    assert times(tmp_path / "out" / PLACE) == times(one)
    assert (tmp_path / "out" / PLACE / "plots").is_dir()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b", "out"]


def test_a_folder_that_no_merge_wrote_is_not_overwritten(tmp_path):
    one = measured.write(tmp_path / "a")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("")
    with pytest.raises(ResultsError, match=r"out: is not empty, and no merge wrote it; choose"):
        merge([one], tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["thesis.tex"]


def test_merged_results_that_were_measured_into_since_are_not_overwritten(tmp_path):
    one = measured.write(tmp_path / "a")
    merge([one], tmp_path / "out")
    measured.write(tmp_path / "out" / PLACE, seed=5)
    with pytest.raises(ResultsError, match=r"some-cpu-2c/\S+ changed since merging; choose a new"):
        merge([one], tmp_path / "out")


def test_a_file_is_no_folder_to_merge_into(tmp_path):
    one = measured.write(tmp_path / "a")
    (tmp_path / "out").write_text("")
    with pytest.raises(ResultsError, match="is not empty, and no merge wrote it"):
        merge([one], tmp_path / "out")


def test_merging_into_a_folder_that_is_read_from_is_refused(tmp_path):
    measured.write(tmp_path / "r" / "a")
    for out in (tmp_path / "r", tmp_path / "r" / "a", tmp_path):
        with pytest.raises(ResultsError, match=r"is inside; choose a folder beside it"):
            merge([tmp_path / "r"], out)


def test_lost_samples_stop_a_merge_before_it_writes(tmp_path):
    one = measured.write(tmp_path / "a")
    (one / "samples.bin").write_bytes(b"\0" * 40)
    with pytest.raises(ResultsError, match=r"samples.bin does not have the samples of dense-f16"):
        merge([one], tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_one_hash_for_two_environments_stops_a_merge(tmp_path):
    one = measured.write(tmp_path / "a", FIRST)
    two = measured.write(tmp_path / "b", SECOND)
    name = hashes.of_json(measured.ENVIRONMENT)
    (two / "environment.json").write_text(json.dumps({name: {"device": "Another"}}))
    with pytest.raises(ResultsError, match=f"environment.json has another {name} than the others"):
        merge([one, two], tmp_path / "out")


@pytest.mark.parametrize("name", ["../../evil", "a/b", "", ".."])
def test_a_strangers_rows_cannot_lead_out_of_the_folder(tmp_path, name):
    one = measured.write(tmp_path / "deep" / "a", experiment=name)
    with pytest.raises(ResultsError, match="not an experiment and a device as runs name them"):
        merge([one], tmp_path / "deep" / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["deep"]


def test_nothing_to_merge_is_one_line(tmp_path):
    with pytest.raises(ResultsError, match="nowhere: there is no such file"):
        merge([tmp_path / "nowhere"], tmp_path / "out")
    one = measured.write(tmp_path / "a", [])
    (one / "records.csv").write_text("")
    with pytest.raises(ResultsError, match="no row in any of them"):
        merge([one], tmp_path / "out")


def test_every_median_is_that_of_the_samples_at_its_new_place(tmp_path):
    folders = [measured.write(tmp_path / str(i), FIRST, seed=i) for i in range(5)]
    for i, folder in enumerate(folders):
        path = folder / "records.csv"
        path.write_text(path.read_text().replace(",macko,", f",macko{i},"))
    merge(folders, tmp_path / "out")
    rows = read(tmp_path / "out" / PLACE / "records.csv")
    assert len(rows) == 6
    for row in rows:
        own = samples(tmp_path / "out" / PLACE, row.samples_offset, row.samples)
        assert np.median(own) == pytest.approx(row.median_us, rel=1e-6)
