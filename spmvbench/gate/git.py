"""What is asked of git: where a repository begins, and which commit a name means."""

from __future__ import annotations

import subprocess
from pathlib import Path

from spmvbench.errors import UserError, did_you_mean

WORKING_TREE = ("WORKTREE", ".")
"""Names of the working tree as it is, where others name a commit."""


class GateError(UserError):
    """A revision that cannot be found, built or measured."""


def git(top: Path, *words: str) -> str:
    """What git prints. No hook of the repository is run.

    Raises: GateError with git's own last line.
    """
    command = ["git", "-C", str(top), "-c", "core.hooksPath=/dev/null", *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise GateError("gate needs git, and there is none; install git") from error
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise GateError(f"{top}: git {words[0]} failed: {said}")
    return done.stdout


def top_of(folder: Path) -> Path:
    """The top of the repository that a folder is in.

    Raises: GateError where it is in none.
    """
    try:
        return Path(git(folder, "rev-parse", "--show-toplevel").rstrip("\n"))
    except GateError as error:
        if "needs git" in str(error):
            raise
        raise GateError(
            f"--repo {folder}: not a git repository with files; expected one that holds both "
            "revisions"
        ) from None


def commit_of(top: Path, name: str) -> str:
    """The full hash of the commit that a branch, tag, hash or `HEAD~1` means.

    Raises: GateError for what names no commit.
    """
    try:
        return git(top, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").strip()
    except GateError:
        raise GateError(f"unknown revision '{name}'{_hint(top, name)}") from None


def _hint(top: Path, name: str) -> str:
    known = git(top, "for-each-ref", "--format=%(refname:short)").split()
    near = did_you_mean(name, [*known, *WORKING_TREE])
    if git(top, "rev-parse", "--is-shallow-repository").strip() == "true":
        return f"{near}; this clone is shallow: git fetch --unshallow"
    expected = f"expected a branch, tag or commit of {top}, or {WORKING_TREE[0]}"
    return f"{near} {expected.capitalize()}" if near else f"; {expected}"


def files_of(top: Path) -> list[str]:
    """The files of the working tree: tracked ones and new ones, but none that git ignores."""
    listed = git(top, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return sorted({name for name in listed.split("\0") if name})
