"""Launches of somebody else's repository: its own code is measured, by the spmvbench installed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from gate_repository import git

from spmvbench.gate.git import GateError
from spmvbench.gate.launch import Launcher, is_spmvbench
from spmvbench.gate.request import Request, asked
from spmvbench.gate.trees import Tree, checked_out
from spmvbench.table import read

TOP = Path(__file__).parent.parent

FORMAT = """
from spmvbench.formats.dense_f16 import DenseF16
class Mine(DenseF16):
    name = "mine"
"""

EXPERIMENT = """
name: mine
formats: ["kernels/mine.py:Mine", "mypackage.format:Mine"]
shapes: [[40, 300]]
densities: 0.5
cache: hot
threads: 1
timing: {budget_s: 0.01, min_samples: 10}
"""


@pytest.fixture
def top(tmp_path, monkeypatch):
    """A repository with a format in a file and one in a package below src; two revisions."""
    top = tmp_path / "repository"
    for folder in ("kernels", "src/mypackage"):
        (top / folder).mkdir(parents=True)
    (top / "src" / "mypackage" / "__init__.py").write_text("")
    (top / "mine.yaml").write_text(EXPERIMENT)
    git(tmp_path, "init", "--quiet", str(top))
    for version in ("old", "new"):
        for file in ("kernels/mine.py", "src/mypackage/format.py"):
            (top / file).write_text(f"{FORMAT}# {version}\n")
        git(top, "add", ".")
        git(top, "commit", "--quiet", "-m", version)
    monkeypatch.chdir(top)
    monkeypatch.setenv("PYTHONPATH", str(TOP))
    return top


def launcher(top):
    return Launcher(top, Path(), ("mine.yaml",))


def test_each_revision_measures_its_own_formats_under_the_same_names(top):
    formats = ("kernels/mine.py:Mine", "mypackage.format:Mine")
    hashes = []
    with checked_out(top, "HEAD~1", "HEAD") as trees:
        for side, tree in zip(("base", "new"), trees, strict=True):
            launcher(top).check_origin(tree, formats)
            launcher(top).run(tree, top.parent / side)
            (csv,) = (top.parent / side).rglob("records.csv")
            assert {(row.format, row.status) for row in read(csv)} == {(f, "ok") for f in formats}
            (entry,) = json.loads((csv.parent / "environment.json").read_text()).values()
            hashes.append(entry["outside"])
    assert all(hashes[0][name] != hashes[1][name] for name in formats)


def test_a_suite_is_named_to_launches_as_it_is_to_the_gate(top):
    ask = asked(Request(top, "HEAD~1", "HEAD", "suite:llm4-v1", 1.0), top)
    assert (ask.inside, ask.words[:1]) == (None, ("suite:llm4-v1",))


def test_a_launch_draws_nothing(top):
    words = ("mine.yaml", "--set", "formats=[csr16,dense-f16]", "--set", "densities=[0.2,0.5]")
    with checked_out(top, "HEAD~1", "HEAD") as (old, _):
        Launcher(top, Path(), words).run(old, top.parent / "out")
    assert list((top.parent / "out").rglob("records.csv"))
    assert not list((top.parent / "out").rglob("*.png"))


def tree(path):
    path.mkdir(parents=True, exist_ok=True)
    return Tree("new", "0123abc", path)


def environment_of(top, path):
    """What a launch there sees."""
    out = path / "seen"
    launcher(top).build(tree(path), f"env > {out}")
    return dict(line.partition("=")[::2] for line in out.read_text().splitlines())


def test_entries_of_pythonpath_in_the_repository_mean_the_revisions_own(top, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(top / "python"), "lib", "/elsewhere"]))
    path = top.parent / "tree"
    seen = environment_of(top, path)["PYTHONPATH"].split(os.pathsep)
    expected = [path, path / "src", path / "python", path / "lib", "/elsewhere", TOP]
    assert seen == list(map(str, expected))


def test_a_commit_of_somebody_else_is_not_taken_for_one_of_spmvbench(top, monkeypatch):
    monkeypatch.delenv("SPMVBENCH_COMMIT", raising=False)
    assert "SPMVBENCH_COMMIT" not in environment_of(top, top.parent / "tree")
    assert is_spmvbench(TOP)


@pytest.mark.parametrize("name", ["mypackage.format:Mine", "torch-op:csr:mypackage:mine::spmv"])
def test_a_package_that_would_come_from_the_working_tree_is_refused(top, monkeypatch, name):
    (top.parent / "installed").mkdir()
    (top.parent / "installed" / "mypackage").symlink_to(top / "src" / "mypackage")
    monkeypatch.setenv("PYTHONPATH", str(top.parent / "installed"))
    with pytest.raises(GateError, match="'mypackage' would be imported from .*/installed/mypackag"):
        launcher(top).check_origin(tree(top.parent / "tree"), [name])


def test_a_package_in_a_folder_that_is_not_looked_into_is_refused(top):
    (top.parent / "tree" / "python" / "mine").mkdir(parents=True)
    (top.parent / "tree" / "python" / "mine" / "__init__.py").write_text("")
    with pytest.raises(GateError, match="'mine' would be imported from nowhere.*set PYTHONPATH"):
        launcher(top).check_origin(tree(top.parent / "tree"), ["mine.format:Mine"])


def test_a_package_of_a_third_party_may_come_from_where_it_is_installed(top):
    launcher(top).check_origin(tree(top.parent / "tree"), ["scipy.sparse:Mine", "csr16"])


@pytest.mark.parametrize(
    "name",
    ["{}/kernels/mine.py:Mine", "plugin:{}/mine.so", "torch-op:csr:{}/mine.so:mine::spmv"],
)
def test_a_format_file_of_the_working_tree_is_refused_and_one_from_elsewhere_is_not(
    top, tmp_path, name
):
    with pytest.raises(GateError, match="expected a path relative to the folder"):
        launcher(top).check_origin(tree(tmp_path / "t"), [name.format(top)])
    launcher(top).check_origin(tree(tmp_path / "t"), [name.format(tmp_path)])
