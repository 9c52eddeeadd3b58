"""Revisions become folders, for a while: which commit, which files, and nothing left behind."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest

from spmvbench.gate.git import GateError, commit_of, top_of
from spmvbench.gate.trees import checked_out


def git(folder, *words):
    named = ["-c", "user.name=a", "-c", "user.email=a@b"]
    return subprocess.run(
        ["git", "-C", str(folder), *named, *words], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Two commits on `main`; temporary folders land where the test can see them."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    top = tmp_path / "repository"
    top.mkdir()
    git(top, "init", "--quiet", "--initial-branch=main")
    for text in ("old", "new"):
        (top / "kernel.py").write_text(text)
        (top / ".gitignore").write_text("*.so\n")
        git(top, "add", ".")
        git(top, "commit", "--quiet", "-m", text)
    return top


def left(repository):
    """What is left of temporary folders, and how many worktrees git knows of."""
    folder = repository.parent / "temporary"
    return list(folder.iterdir()), len(git(repository, "worktree", "list").splitlines())


def test_both_commits_are_there_and_gone_afterwards(repository):
    with checked_out(repository, "HEAD~1", "main") as (base, new):
        assert (base.path / "kernel.py").read_text() == "old"
        assert (new.path / "kernel.py").read_text() == "new"
        assert new.label == f"main ({new.commit[:9]})"
    assert left(repository) == ([], 1)


def test_one_commit_may_be_both_sides(repository):
    with checked_out(repository, "HEAD", "HEAD") as (base, new):
        assert base.commit == new.commit
        assert base.path != new.path


@pytest.mark.parametrize("error", [KeyboardInterrupt, GateError("no")], ids=["Ctrl-C", "error"])
def test_nothing_is_left_however_it_ends(repository, error):
    with pytest.raises((KeyboardInterrupt, GateError)), checked_out(repository, "HEAD", "WORKTREE"):
        raise error
    assert left(repository) == ([], 1)


def test_a_build_that_leaves_files_does_not_keep_a_worktree(repository):
    with checked_out(repository, "HEAD", "HEAD~1") as (base, _):
        (base.path / "kernel.so").write_text("built")
        (base.path / "kernel.py").write_text("changed")
    assert left(repository) == ([], 1)


@pytest.mark.parametrize("name", ["WORKTREE", "."])
def test_the_working_tree_comes_with_changes_and_new_files_and_without_what_is_ignored_or_deleted(
    repository, name
):
    (repository / "kernel.py").write_text("changed")
    (repository / "new").mkdir()
    (repository / "new" / "format.py").write_text("new")
    (repository / "built.so").write_text("ignored")
    (repository / "link").symlink_to("kernel.py")
    (repository / "gone.py").write_text("")
    git(repository, "add", "gone.py")
    (repository / "gone.py").unlink()
    with checked_out(repository, "HEAD", name) as (base, new):
        assert (base.path / "kernel.py").read_text() == "new"
        files = {str(p.relative_to(new.path)) for p in new.path.rglob("*") if not p.is_dir()}
        assert files == {".gitignore", "kernel.py", "link", "new/format.py"}
        assert (new.path / "link").is_symlink()
        assert (new.path / "kernel.py").read_text() == "changed"
        assert new.commit == f"{base.commit}+dirty"


def test_a_hook_of_the_repository_is_not_run(repository):
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with checked_out(repository, "HEAD", "HEAD~1"):
        pass


def test_an_unknown_revision_is_said_with_the_nearest_name_before_anything_is_written(repository):
    with (
        pytest.raises(GateError, match="unknown revision 'maine'; did you mean 'main'\\? Expected"),
        checked_out(repository, "HEAD", "maine"),
    ):
        pass
    assert left(repository) == ([], 1)


def test_a_shallow_clone_is_said_to_be_one(repository, tmp_path):
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repository}", "clone")
    with pytest.raises(GateError, match="unknown revision 'HEAD~1'; this clone is shallow"):
        commit_of(tmp_path / "clone", "HEAD~1")


def test_a_folder_in_no_repository_is_one_line(tmp_path):
    with pytest.raises(GateError, match=f"--repo {tmp_path}: not a git repository"):
        top_of(tmp_path)


def test_the_top_is_found_from_a_folder_below(repository):
    (repository / "bench").mkdir()
    assert top_of(repository / "bench") == Path(repository).resolve()
