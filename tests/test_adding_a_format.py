"""docs/adding-a-format.md, followed literally in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from plugins.built import EXAMPLE, MISSING

from spmvbench.records import load

PAGE = (Path(__file__).parent.parent / "docs" / "adding-a-format.md").read_text()
SHELL = re.findall(r"```sh\n(.*?)```", PAGE, re.S)
YAML = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """An empty folder after every command of the page, and what they said."""
    folder = tmp_path_factory.mktemp("adding")
    tools = tmp_path_factory.mktemp("bin")
    command = tools / "spmvbench"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m spmvbench "$@"\n')
    command.chmod(0o755)
    path = os.pathsep.join((str(tools), os.environ["PATH"]))
    top = str(Path(__file__).parent.parent)
    env = os.environ | {"PATH": path, "PYTHONPATH": top, "COLUMNS": "100"}
    (folder / "first.yaml").write_text(YAML[0])
    (folder / EXAMPLE.name).write_text(EXAMPLE.read_text())
    script = "set -e\n" + "".join(SHELL)
    done = subprocess.run(
        ["sh", "-c", script], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


def test_the_battery_says_what_the_page_says(followed):
    assert "my_format.py:MyFormat: right in all 156 cells" in followed[1]
    assert "plugin:csr_plain.so: right in all 104 cells" in followed[1]


def test_both_formats_are_measured_beside_the_others(followed):
    rows = load([followed[0] / "results"])
    right = rows[rows["status"] == "ok"]
    assert {"my_format.py:MyFormat", "plugin:csr_plain.so", "macko"} <= set(right["format"])
    assert (right["speedup"] > 0).all()


def test_there_are_figures_at_the_end(followed):
    assert list(followed[0].rglob("speedup*.png"))
