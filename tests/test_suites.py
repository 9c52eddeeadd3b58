"""Suites are frozen: their names, their problems, and how an experiment uses them."""

from pathlib import Path

import pytest
import yaml

from spmvbench import hashes, suites
from spmvbench.errors import ExperimentError
from spmvbench.experiment import load

# A suite in use is never edited: if this fails, undo the change, and add the next version.
FROZEN = {"llm31-v1": "1f86232ba732", "llm4-v1": "78350b68eb96"}


@pytest.mark.parametrize("name", FROZEN)
def test_the_problems_of_a_suite_never_change(name):
    assert suites.suite(name).hash == FROZEN[name], (
        f"{name} has other problems than those that people have measured and cited: "
        "leave it as it was, and make a new version of it"
    )


def test_every_suite_is_frozen_here():
    assert suites.names() == list(FROZEN)


def test_the_hash_is_that_of_the_keys_as_they_stand_in_a_table():
    keys = {case.problem.key for case in load("suite:llm4-v1").cases("cpu", 2)}
    assert hashes.of_text("\n".join(sorted(keys)) + "\n") == FROZEN["llm4-v1"]


def test_the_suite_of_the_paper_is_31_sizes_and_11_densities_counted_exactly():
    found = suites.suite("llm31-v1")
    assert (len(found.shapes), len(found.densities), len(found.keys)) == (31, 11, 341)
    assert {key.partition("float16/")[2] for key in found.keys} == {"exact/b1/s47"}


@pytest.mark.parametrize("size", [0, 1, 20])
def test_a_part_of_a_suite_is_counted(size):
    found = suites.suite("llm4-v1")
    assert found.covered(["8x8/d1", *sorted(found.keys)[:size]]) == size


def test_a_suite_by_its_name_is_an_experiment_of_all_our_formats():
    found = load("suite:llm4-v1", ["timing.budget_s=0.1"])
    assert found.name == "llm4-v1"
    assert set(found.formats) >= {"macko", "bitmap", "csr16", "dense-f16"}
    assert found.timing.budget_s == 0.1


def test_the_paper_experiment_measures_the_suite_of_the_paper(monkeypatch):
    monkeypatch.setattr("spmvbench.experiment.expand._memory_bytes", lambda: 2**35)
    cases = load("paper").cases("cuda", 1)
    assert {case.problem.key for case in cases} == suites.suite("llm31-v1").keys


@pytest.fixture
def experiment(tmp_path):
    def written(**said):
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump({"formats": ["macko"], "suite": "llm4-v1"} | said))
        return path

    return written


def test_a_stored_experiment_names_the_suite_with_its_hash_and_loads_again(experiment, tmp_path):
    first = load(str(experiment(threads=1, exclude=[{"density": 0.1}])))
    stored = tmp_path / "stored.yaml"
    stored.write_text(first.canonical)
    assert f"suite: llm4-v1@{FROZEN['llm4-v1']}\n" in first.canonical
    again = load(str(stored))
    assert again.cases("cpu", 2) == first.cases("cpu", 2)
    assert len(again.cases("cpu", 2)) == 16
    assert again.canonical == first.canonical


@pytest.mark.parametrize("entry", [{"batch": 4}, {"seed": 48}])
def test_include_adds_problems_beside_a_suite_and_changes_none_of_it(experiment, entry):
    more = {"shape": [64, 64], "density": 0.5} | entry
    keys = {case.problem.key for case in load(str(experiment(include=more))).cases("cpu", 2)}
    assert suites.suite("llm4-v1").covered(keys) == 20
    assert len(keys) == 21


def test_include_cannot_give_a_suite_another_batch(experiment):
    found = load(str(experiment(include={"batch": 4})))
    with pytest.raises(ExperimentError, match="include fits no combination, so it is a new one"):
        found.cases("cpu", 2)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"suite": "llm4"}, r"mine\.yaml:3: suite: unknown suite 'llm4'; did you mean 'llm4-v1'\?"),
        ({"suite": "llm4-v1@0123"}, r"suite llm4-v1 is 78350b68eb96 in this version, not 0123;"),
        ({"suite": 4}, r"suite is 4; expected the name of a suite"),
        ({"densities": 0.5}, r"mine\.yaml:1: densities does not go with suite llm4-v1@"),
        ({"batch": 4}, r"batch does not go with suite .* which is frozen; expected exclude"),
        ({"source": "a.npy"}, r"source does not go with suite"),
    ],
)
def test_a_suite_is_taken_as_it_is_or_not_at_all(experiment, said, message):
    with pytest.raises(ExperimentError, match=message) as caught:
        load(str(experiment(**said)))
    assert "\n" not in str(caught.value)


def test_an_unknown_suite_by_its_name_is_one_line():
    with pytest.raises(ExperimentError, match=r"^unknown suite 'llm99'; .*llm31-v1, llm4-v1"):
        load("suite:llm99")


def test_the_page_on_citing_has_the_hash_of_every_suite():
    text = (Path(__file__).parent.parent / "docs" / "citing.md").read_text()
    assert all(f"`{suites.suite(name).pinned}`" in text for name in suites.names())
