"""What the README promises: its example works, its commands and files exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from spmvbench.cli import app
from spmvbench.conformance import cells, conform
from spmvbench.devices.cpu import CpuDevice
from spmvbench.experiment import load
from spmvbench.watch import Watch

TOP = Path(__file__).parent.parent
TEXT = (TOP / "README.md").read_text()


def block(language):
    return re.search(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)[1]


def test_the_example_format_is_right(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(block("python"))
    verdicts = conform(f"{file}:Coo", CpuDevice(), Watch(tmp_path / "w"), cells())
    assert {v.status for v in verdicts} == {"ok"}


def test_the_example_experiment_loads(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(block("yaml"))
    assert load(str(file)).cases("cpu", 2)


def test_every_command_is_there():
    named = set(re.findall(r"^\| `spmvbench ([\w-]+)", TEXT, re.MULTILINE))
    commands = {c.name or c.callback.__name__.replace("_", "-") for c in app.registered_commands}
    assert named == commands


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([\w/.-]+)\)", TEXT))))
def test_every_link_leads_somewhere(path):
    assert (TOP / path).exists()


def test_every_make_target_is_there():
    targets = set(re.findall(r"make ([\w-]+)", TEXT)) - {"and"}
    makefile = (TOP / "Makefile").read_text()
    assert all(f"\n{target}:" in makefile for target in targets)


def test_the_workflow_runs_what_ci_runs():
    workflow = yaml.safe_load((TOP / ".github/workflows/ci.yml").read_text())
    assert {"run": ".ci/run"} in workflow["jobs"]["test"]["steps"]
    assert "make test" in (TOP / ".ci" / "run").read_text()
