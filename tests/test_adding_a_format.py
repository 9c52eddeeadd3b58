"""docs/adding-a-format.md, followed literally in an empty folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from gpu_stand_in import Gpu
from plugins.built import MISSING

from spmvbench.check import expect, judge
from spmvbench.dtypes import DTYPES
from spmvbench.formats import resolve
from spmvbench.formats.base import Precision
from spmvbench.plugin import HEADER, example
from spmvbench.records import load

PAGE = (Path(__file__).parent.parent / "docs" / "adding-a-format.md").read_text()
SHELL = re.findall(r"```sh\n(.*?)```", PAGE, re.S)
YAML = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
NAMES = ("first.yaml", "rival.yaml")

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
    for name, text in zip(NAMES, YAML, strict=True):
        (folder / name).write_text(text)
    script = "set -e\n" + "".join(SHELL)
    done = subprocess.run(
        ["sh", "-c", script], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


def test_the_battery_says_what_the_page_says(followed):
    assert "my_format.py:MyFormat: right in all 156 cells" in followed[1]
    (said,) = re.findall(r"`(right in all 104 cells; [^`]*)`", PAGE)
    assert f"plugin:csr_plain.so: {said}\n" in followed[1]
    assert "my_format.py:MyFormat: right in all 2 cells" in followed[1]


def test_uncompiled_and_under_a_sanitizer_they_are_right_as_well(followed):
    assert "my_format.py:MyFormat: right in all 6 cells" in followed[1]
    assert "plugin:csr_plain_asan.so: right in all 4 cells" in followed[1]


def test_without_the_sanitizer_loaded_first_its_library_crashes(followed):
    words = ["check", "plugin:csr_plain_asan.so", "--device", "cpu", "--matrix", "one row"]
    done = subprocess.run(
        [sys.executable, "-m", "spmvbench", *words],
        cwd=followed[0],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "crashed: the process ended" in done.stdout


def test_both_formats_are_measured_beside_the_others(followed):
    rows = load([followed[0] / "results" / "first"])
    right = rows[rows["status"] == "ok"]
    assert {"my_format.py:MyFormat", "plugin:csr_plain.so", "macko"} <= set(right["format"])
    assert (right["speedup"] > 0).all()


def test_there_are_figures_at_the_end_with_both_and_of_one_environment(followed):
    (path,) = (followed[0] / "results" / "first").rglob("speedup*.svg")
    drawn = path.read_text()
    assert "my_format.py:MyFormat" in drawn
    assert "csr_plain.so" in drawn
    assert "environments" not in drawn


def test_the_time_of_the_program_is_said_as_the_page_says(followed):
    (line,) = (line for line in followed[1].splitlines() if "external:rival (unverified)" in line)
    assert line.endswith("12.5 µs")


def test_the_page_names_every_file_that_it_links_to():
    links = re.findall(r"\]\(([^)#]+)", PAGE)
    assert len(links) >= 3
    assert all((Path(__file__).parent.parent / "docs" / link).is_file() for link in links)


# The example for a GPU


NVCC = shutil.which("nvcc")


@pytest.mark.skipif(not NVCC, reason="nvcc is not installed")
def test_the_example_for_a_gpu_is_compiled_loaded_and_packs_right(tmp_path):
    library = tmp_path / "csr_plain_cuda.so"
    options = ["-O1", "-arch=sm_80", "-shared", "-Xcompiler", "-fPIC", f"-I{HEADER.parent}"]
    subprocess.run([str(NVCC), *options, str(example("cuda")), "-o", str(library)], check=True)
    fmt, dense = resolve(f"plugin:{library}"), np.eye(5, 7, dtype=np.float16)
    assert (fmt.devices, fmt.dtypes) == (("cuda",), ("float16", "bfloat16", "float32"))
    assert np.array_equal(fmt.unpack(fmt.pack(dense)), dense)


@pytest.mark.parametrize(
    ("dtype", "name"), [("float16", "__half"), ("bfloat16", "__nv_bfloat16"), ("float32", "float")]
)
@pytest.mark.parametrize("batch", [1, 3])
def test_the_kernel_of_the_example_for_a_gpu_is_right(fake_cupy, dtype, name, batch):
    from spmvbench.cuda.module import compiled
    from spmvbench.plugin.csr import csr
    from spmvbench.problems import Problem, build, vector

    problem = Problem(70, 130, 0.4, dtype=dtype, batch=batch)
    dense, x = build(problem), vector(problem, 0).reshape(130, batch)
    code = example("cuda").read_text().partition("// The host")[0]
    gpu = Gpu(fake_cupy)
    arrays = [gpu.put(array) for array in csr(dense)]
    y = gpu.empty((70, batch), dtype)
    given = gpu.put(x.astype(DTYPES[dtype]))
    kernel = compiled(code, f"product<{name}>")
    kernel((-(-70 * batch // 128),), (128,), (*arrays, given, y, np.int64(70), np.int32(batch)))
    expected = expect(dense, x.astype(DTYPES[dtype]).astype(np.float32))[0][0]
    precision = Precision(dtype, dtype, "float32", dtype)
    assert judge(gpu.get(y).astype(np.float64), expected, precision).share <= 1
