"""Both revisions as folders of their own, for as long as they are needed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from spmvbench.gate.git import WORKING_TREE, GateError, commit_of, files_of, git

SHORT = 9


@dataclass(frozen=True)
class Tree:
    """A revision checked out. `label`: what the user wrote, and the commit."""

    label: str
    commit: str
    path: Path


@contextmanager
def checked_out(top: Path, base: str, new: str) -> Iterator[tuple[Tree, Tree]]:
    """Both revisions in a temporary folder, which is gone afterwards however this ends.

    Commits become git worktrees; the working tree is copied, with its changes and new files.
    Raises: GateError for an unknown revision, before anything is written.
    """
    commits = [_commit(top, name) for name in (base, new)]
    folder = Path(tempfile.mkdtemp(prefix="spmvbench-gate-"))
    try:
        first, second = (
            _tree(top, name, commit, folder / side)
            for name, commit, side in zip((base, new), commits, ("base", "new"), strict=True)
        )
        yield first, second
    finally:
        with _undisturbed():
            for path in folder.iterdir():
                with contextlib.suppress(GateError):  # a copy is no worktree
                    git(top, "worktree", "remove", "--force", str(path))
            shutil.rmtree(folder, ignore_errors=True)
            git(top, "worktree", "prune")


def _commit(top: Path, name: str) -> str:
    return commit_of(top, "HEAD" if name in WORKING_TREE else name)


def _tree(top: Path, name: str, commit: str, path: Path) -> Tree:
    if name not in WORKING_TREE:
        git(top, "worktree", "add", "--quiet", "--detach", str(path), commit)
        short = commit[:SHORT]
        return Tree(short if commit.startswith(name) else f"{name} ({short})", commit, path)
    for file in files_of(top):
        if os.path.lexists(top / file) and (not (top / file).is_dir() or (top / file).is_symlink()):
            (path / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(top / file, path / file, follow_symlinks=False)
    return Tree(f"working tree on {commit[:SHORT]}", f"{commit}+dirty", path)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A second Ctrl-C does not leave half of it behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
