"""One launch: a fresh `spmvbench run` of a revision, and what must come from that revision."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from spmvbench.drawing import UNSEEN
from spmvbench.formats import outside_file, outside_module
from spmvbench.gate.git import GateError
from spmvbench.gate.trees import Tree
from spmvbench.paths import checkout

LOG_LINES = 20
SOURCES = ("", "src")
"""Folders of a repository in which its packages are looked for, besides those on PYTHONPATH."""

_WHERE = """
import importlib.util, json, sys
found = {}
for name in sys.argv[1:]:
    spec = importlib.util.find_spec(name)
    places = list(spec.submodule_search_locations or []) if spec else []
    found[name] = (places + [spec.origin if spec else None])[0]
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Launcher:
    """Runs one experiment in trees of one repository.

    `top`: the repository's own; `inside`: the folder below it that commands are run in;
    `words`: the experiment and options of `spmvbench run`.
    """

    top: Path
    inside: Path
    words: tuple[str, ...]

    def run(self, tree: Tree, out: Path, extra: Sequence[str] = ()) -> None:
        """Measure in a process of its own; rows land below `out`.

        Raises: GateError with the last line that it said.
        """
        command = [sys.executable, "-m", "spmvbench", "run", *self.words, *extra]
        code, log = self._logged(tree, [*command, "--out", str(out)])
        if code == 130:
            raise KeyboardInterrupt
        if code:
            said = (log.strip().splitlines() or [f"exit code {code}, without a word"])[-1]
            raise GateError(f"{tree.label}: spmvbench run failed: {said.removeprefix('error: ')}")

    def build(self, tree: Tree, command: str) -> None:
        """Run the user's command in a tree.

        Raises: GateError with the last lines of what it said, when it fails.
        """
        code, log = self._logged(tree, ["/bin/sh", "-c", command], at=tree.path)
        if code:
            last = "\n".join(log.rstrip().splitlines()[-LOG_LINES:])
            raise GateError(
                f"{tree.label}: --build '{command}' failed with exit code {code}; its last lines:\n"
                f"{last or 'none'}"
            )

    def check_origin(self, tree: Tree, formats: Iterable[str]) -> None:
        """Refuse to measure code that is not the revision's.

        Raises: GateError where a format or a module that the tree holds comes from elsewhere.
        """
        outside = [name for name in formats if ":" in name]
        for file in filter(None, map(outside_file, outside)):
            if self._is_ours(file) and file.is_absolute():
                raise GateError(
                    f"format file {file} is the working tree's; expected a path relative to the "
                    "folder that gate is run in, which means the same file of each revision"
                )
        modules = {outside_module(name).partition(".")[0] for name in outside} - {""}
        if is_spmvbench(tree.path):
            modules.add("spmvbench")
        code, log = self._logged(tree, [sys.executable, "-c", _WHERE, *sorted(modules)])
        if code:
            raise GateError(f"{tree.label}: {(log.strip().splitlines() or ['no Python'])[-1]}")
        for name, place in json.loads(log).items():
            self._check_module(tree, name, Path(place) if place else None)

    def _check_module(self, tree: Tree, name: str, place: Path | None) -> None:
        """A module of somebody else may come from anywhere, it is the same for both sides."""
        if place and place.resolve().is_relative_to(tree.path.resolve()):
            return
        held = [*tree.path.rglob(f"{name}/__init__.py"), *tree.path.rglob(f"{name}.py")]
        if held or (place and self._is_ours(place)):
            raise GateError(
                f"{tree.label}: '{name}' would be imported from {place or 'nowhere'}, not from the "
                "revision; set PYTHONPATH to its folder in the repository: gate takes that folder "
                "of each revision"
            )

    def _is_ours(self, path: Path) -> bool:
        return path.resolve().is_relative_to(self.top.resolve())

    def _logged(self, tree: Tree, command: list[str], at: Path | None = None) -> tuple[int, str]:
        """Exit code and all that a command says; it dies with this call."""
        folder = at or tree.path / self.inside
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile("w+", errors="replace") as log:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=self._surroundings(tree),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            try:
                code = process.wait()
            finally:
                process.kill()
                process.wait()
            log.seek(0)
            return code, log.read()

    def _surroundings(self, tree: Tree) -> dict[str, str]:
        """Variables of a child: the revision's packages before all others.

        Entries of PYTHONPATH that lie in the repository mean the same folder of the revision.
        """
        asked = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
        paths = [tree.path / source for source in SOURCES]
        paths += [self._moved(Path(entry), tree) for entry in asked]
        own = {UNSEEN: "1"}
        if is_spmvbench(tree.path):
            own["SPMVBENCH_COMMIT"] = tree.commit  # a copied working tree has no git to ask
        elif top := checkout():
            paths.append(top)
        return os.environ | {"PYTHONPATH": os.pathsep.join(map(str, dict.fromkeys(paths)))} | own

    def _moved(self, entry: Path, tree: Tree) -> Path:
        absolute = entry.absolute()
        inside = absolute.is_relative_to(self.top)
        return tree.path / absolute.relative_to(self.top) if inside else absolute


def is_spmvbench(folder: Path) -> bool:
    """Whether a repository is this one: then each revision measures itself."""
    return (folder / "spmvbench" / "__main__.py").is_file()
