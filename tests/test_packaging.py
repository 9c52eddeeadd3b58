"""The wheel works from any folder: kernels, baselines and experiments travel inside it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

TOP = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The wheel, built from this tree, unpacked: what an installation puts into site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=TOP, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder / "site")
    return folder / "site"


def run(site, cwd, *words):
    # -S -E would hide the libraries too; the unpacked wheel only has to come before the checkout
    return subprocess.run(
        [sys.executable, "-m", "spmvbench", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(site)},
        check=False,
    )


def test_it_holds_the_data_folders_and_no_tests(unpacked):
    names = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    assert "spmvbench/kernels/README.md" in names
    assert "spmvbench/kernels/macko.cu" in names
    assert "spmvbench/kernels/gemv.cuh" in names
    assert "spmvbench/baselines/csr_scipy.py" in names
    assert "spmvbench/experiments/sparsity_sweep.yaml" in names
    assert "spmvbench/shapes.yaml" in names
    assert "spmvbench/py.typed" in names
    assert "spmvbench/cuda/choices.csv" in names
    assert "spmvbench/plugin/spmvbench_plugin.h" in names
    assert "spmvbench/plugin/examples/csr_plain.cu" in names
    assert "spmvbench/skeleton/my_format.py" in names
    assert {"spmvbench/report/page.html", "spmvbench/report/page.js"} <= names
    assert {name.split("/")[0] for name in names} == {"spmvbench", "spmvbench-0.1.0.dist-info"}


def test_the_code_that_runs_is_the_wheels(unpacked, tmp_path):
    code = "import spmvbench, spmvbench.paths as p; print(spmvbench.__file__, p.checkout())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(unpacked)},
        check=True,
    )
    assert done.stdout.split() == [str(unpacked / "spmvbench" / "__init__.py"), "None"]


def test_it_finds_formats_and_baselines_from_another_folder(unpacked, tmp_path):
    done = run(unpacked, tmp_path, "list")
    assert done.returncode == 0, done.stderr
    assert "macko" in done.stdout
    assert "csr-scipy" in done.stdout


def test_it_runs_a_shipped_experiment_from_another_folder(unpacked, tmp_path):
    words = ["--set", "shapes=[[40, 64]]", "--set", "densities=0.5", "--only", "csr16"]
    done = run(unpacked, tmp_path, "run", "smoke", *words)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "results").rglob("records.csv"))
