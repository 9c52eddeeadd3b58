from __future__ import annotations

import shutil

import pytest

import spmvbench.environment as env
from spmvbench.environment import environment, environment_id, same_source, source_hash


def test_an_environment_names_source_commit_and_libraries():
    entry = environment({"device": "d"})
    assert {"device", "source_hash", "commit", "libraries", "python", "blas"} <= set(entry)
    assert {"numpy", "scipy", "numba"} <= set(entry["libraries"])


def test_its_hash_changes_with_any_of_it():
    assert environment_id({"a": 1}) == environment_id({"a": 1}) != environment_id({"a": 2})


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """The package's files elsewhere, hashed from there."""
    package = tmp_path / "spmvbench"
    shutil.copytree(
        env.spmvbench.__path__[0], package, ignore=shutil.ignore_patterns("__pycache__")
    )
    for folder in ("kernels", "baselines"):
        (tmp_path / folder).mkdir()
    monkeypatch.setattr(env, "data_dir", lambda name: tmp_path / name)
    monkeypatch.setattr(env.spmvbench, "__file__", str(package / "__init__.py"))
    return tmp_path


@pytest.mark.parametrize(
    "file",
    [
        "spmvbench/formats/macko.py",
        "spmvbench/check.py",
        "baselines/new.py",
        "kernels/a.cu",
    ],
)
def test_an_edit_of_what_measures_changes_the_source_hash(copied, file):
    before = source_hash()
    with (copied / file).open("a") as source:
        source.write("\n")
    assert source_hash() != before


def test_a_new_table_of_auto_is_new_for_its_rows_alone(copied):
    before, source = environment({}), source_hash()
    with (copied / "spmvbench/cuda/choices.csv").open("a") as table:
        table.write("\n")
    after = environment({})
    assert source_hash() == source
    assert not same_source(before, after, "auto")
    assert same_source(before, after, "macko")


@pytest.mark.parametrize(
    "file",
    [
        "spmvbench/cli/app.py",
        "spmvbench/claim.py",
        "spmvbench/plots/style.py",
        "spmvbench/report/page.py",
        "spmvbench/summary/tables.py",
        "spmvbench/targets/judge.py",
    ],
)
def test_an_edit_of_what_only_shows_does_not(copied, file):
    before = source_hash()
    with (copied / file).open("a") as source:
        source.write("\n")
    assert source_hash() == before


def test_a_format_from_outside_is_hashed_by_its_file(tmp_path):
    file = tmp_path / "f.py"
    file.write_text("a = 1")
    name = f"{file}:F"
    before = environment({}, outside=[name])["outside"]
    file.write_text("a = 2")
    after = environment({}, outside=[name])["outside"]
    assert before[name] != after[name]
    assert environment({}, outside=[f"{tmp_path}/none.py:F"])["outside"].popitem()[1] == "missing"
    assert environment({}, outside=["json.tool:F"])["outside"]["json.tool:F"] != "missing"


def test_without_git_the_commit_comes_from_the_environment_variable(monkeypatch):
    monkeypatch.setattr(env, "checkout", lambda: None)
    assert environment({})["commit"] == "unknown"
    monkeypatch.setenv("SPMVBENCH_COMMIT", "abc")
    assert environment({})["commit"] == "abc"


def test_the_same_source_on_another_device_model_is_not_the_same():
    one = {"device": "a", "source_hash": "s"}
    assert same_source(one, dict(one), "macko")
    assert not same_source(one, one | {"device": "b"}, "macko")
    assert not same_source({}, one, "macko")
