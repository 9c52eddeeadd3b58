"""The command line as a user meets it: exit codes, one-line errors, resuming, being killed."""

from __future__ import annotations

import csv
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
import toy_network

from spmvbench import records, theory
from spmvbench.battery import BATTERY
from spmvbench.formats import names

HERE = Path(__file__).parent
TOP = HERE.parent

EXPERIMENT = """\
name: tiny
formats: [csr16, dense-f16]
shapes: [[40, 300], [64, 128]]
densities: [0.2, 0.5]
cache: hot
threads: 1
timing: {budget_s: 0.02, min_samples: 10}
"""


@pytest.fixture
def experiment(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(EXPERIMENT)
    return path


def command(*words):
    return [sys.executable, "-m", "spmvbench", *map(str, words)]


def spmvbench(*words, cwd=TOP, **environment):
    return subprocess.run(
        command(*words),
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(TOP), "COLUMNS": "100"} | environment,
        check=False,
    )


def keys(out):
    (path,) = Path(out).rglob("records.csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(None not in row and None not in row.values() for row in rows)
    return [(r["key"], r["cache"], r["threads"], r["format"], r["status"]) for r in rows]


def normalised(text):
    """Times, sizes, folders and the device out; runs of space to one."""
    text = re.sub(r"\nflags: (.+\n)+", "\n", text)
    text = re.sub(r"\S+-\d+c\b", "DEVICE", text)
    text = re.sub(r"on .*, \d+ cores -> \S+", "on DEVICE -> FOLDER", text)
    text = re.sub(r"(?m)^wrote \S*/(\S+)$", r"wrote FOLDER/\1", text)
    text = re.sub(r"\d+:\d\d", "T", text)
    text = re.sub(r"\b\d+(\.\d+)? (µs|ms)", "N µs", text)
    text = re.sub(r" +$", "", text, flags=re.MULTILINE)
    return re.sub(r"\n{2,}", "\n\n", re.sub(r"[ \t]+", " ", text))


def test_a_run_saves_draws_and_sums_up(experiment, tmp_path):
    done = spmvbench("run", experiment, "--out", tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(keys(tmp_path / "out")) == 8
    (folder,) = (tmp_path / "out" / "tiny").iterdir()
    names = {path.name for path in folder.iterdir()}
    assert names >= {"records.csv", "samples.bin", "environment.json", "experiment.yaml", "plots"}


def test_what_a_run_says_is_the_golden_text(experiment, tmp_path):
    done = spmvbench("run", experiment, "--out", tmp_path / "out", "--only", "dense-f16")
    assert normalised(done.stdout) == (HERE / "golden" / "run.txt").read_text()


def test_a_second_run_measures_nothing(experiment, tmp_path):
    spmvbench("run", experiment, "--out", tmp_path / "out")
    before = keys(tmp_path / "out")
    done = spmvbench("run", experiment, "--out", tmp_path / "out")
    assert "8 rows are measured already" in done.stdout
    assert keys(tmp_path / "out") == before


def test_a_run_whose_time_is_up_is_exit_code_75_and_goes_on(experiment, tmp_path):
    words = ("run", experiment, "--out", tmp_path / "out")
    stopped = spmvbench(*words, "--limit", "0")
    assert stopped.returncode == 75
    assert re.search(r"^next: the same command; cases left: \d+$", stopped.stdout, re.M)
    assert 0 < len(keys(tmp_path / "out")) < 8
    assert spmvbench(*words, "--limit", "600").returncode == 0


def test_launches_leave_one_row_a_case_and_are_not_repeated(experiment, tmp_path):
    words = ("run", experiment, "--set", "densities=0.2", "--out", tmp_path / "out")
    spmvbench(*words, "--launches", 2)
    before = keys(tmp_path / "out")
    assert len(before) == 4
    frame = records.load([tmp_path / "out"])
    assert set(frame["launches"]) == {2}
    assert all(frame["launch_samples"].str.contains(";"))
    assert "4 rows are measured already" in spmvbench(*words, "--launches", 2).stdout
    assert "4 rows are measured already" in spmvbench(*words).stdout
    assert keys(tmp_path / "out") == before
    spmvbench(*words, "--launches", 3)
    assert set(records.load([tmp_path / "out"])["launches"]) == {3}
    assert spmvbench("compare", tmp_path / "out", tmp_path / "out").returncode == 0


def test_a_format_from_outside_runs_is_recorded_and_drawn(experiment, tmp_path):
    name = f"{HERE}/strangers.py:Right"
    done = spmvbench(
        "run", experiment, "--out", tmp_path / "out", "--set", f"formats=['{name}', dense-f16]"
    )
    assert done.returncode == 0, done.stderr
    rows = [row for row in keys(tmp_path / "out") if row[3] == "tests/strangers.py:Right"]
    assert [row[-1] for row in rows] == ["ok"] * 4
    assert any(b"Right" in svg.read_bytes() for svg in (tmp_path / "out").rglob("speedup*.svg"))


def test_a_dry_run_lists_cases_bytes_and_time_and_writes_nothing(experiment, tmp_path):
    words = ("run", experiment, "--out", tmp_path / "out", "--dry-run")
    done = spmvbench(*words, "--launches", 2, COLUMNS="80")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"\n40 x 300 +0.2, 0.5 +2 +[\d.]+ kB +0:0\d\n", done.stdout)
    assert re.search(r"\ncsr16 +4 +[\d.]+ kB +[\d.]+ kB\n", done.stdout)
    assert "4 cases, about 0:0" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert not (tmp_path / "out").exists()


def with_targets(experiment, at_least):
    """Two of two problems whose target is one ratio: a hundredth is met, a hundredfold is not."""
    claim = f"{{faster: csr16, than: dense-f16, densities: 0.2, at_least: {at_least}}}"
    experiment.write_text(f"{EXPERIMENT}targets: [{claim}]\n")


def test_a_run_ends_with_its_targets_and_they_can_be_printed_again(experiment, tmp_path):
    with_targets(experiment, 0.01)
    done = spmvbench("run", experiment, "--out", tmp_path / "out")
    assert "2 of 2 targets met" in done.stdout
    again = spmvbench("targets", tmp_path / "out")
    assert again.returncode == 0
    assert again.stdout.strip() in done.stdout
    pasted = spmvbench("targets", tmp_path / "out", "--format", "md")
    assert "| csr16 / dense-f16 | 64 x 128 | 0.2 | 1 |" in pasted.stdout
    assert pasted.stdout.endswith("\n\n2 of 2 targets met\n")


def test_a_changed_target_is_judged_without_measuring_and_a_miss_is_exit_code_1(
    experiment, tmp_path
):
    spmvbench("run", experiment, "--out", tmp_path / "out")
    before = keys(tmp_path / "out")
    none = spmvbench("targets", tmp_path / "out")
    assert none.returncode == 2
    assert "no experiment.yaml there or below has targets" in none.stderr
    with_targets(experiment, 100)
    done = spmvbench("run", experiment, "--out", tmp_path / "out")
    assert done.returncode == 0
    assert "8 rows are measured already" in done.stdout
    assert "0 of 2 targets met; 2 missed" in done.stdout
    assert keys(tmp_path / "out") == before
    assert spmvbench("targets", tmp_path / "out").returncode == 1


def test_a_rival_left_out_is_not_measured_and_exit_code_1(experiment, tmp_path):
    with_targets(experiment, 0.01)
    spmvbench("run", experiment, "--out", tmp_path / "out", "--only", "csr16")
    done = spmvbench("targets", tmp_path / "out")
    assert done.returncode == 1
    assert "2 not measured: dense-f16 has no row" in done.stdout


def test_only_and_skip_choose_among_the_formats(experiment, tmp_path):
    spmvbench("run", experiment, "--out", tmp_path / "out", "--only", "csr16")
    assert {row[3] for row in keys(tmp_path / "out")} == {"csr16"}
    spmvbench("run", experiment, "--out", tmp_path / "out", "--skip", "csr16")
    assert {row[3] for row in keys(tmp_path / "out")} == {"csr16", "dense-f16"}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["run", "none.yaml"], "error: none.yaml: there is no such file"),
        (["run", "smoke", "--only", "mako"], "error: smoke has no format 'mako'; did you mean"),
        pytest.param(
            ["run", "smoke", "--device", "cuda"],
            "error: device cuda: CuPy is not installed; pip install",
            marks=pytest.mark.skipif(bool(find_spec("cupy")), reason="CuPy is installed"),
        ),
        (["run", "smoke", "--device", "gpu"], "error: device 'gpu': expected one of auto, cpu"),
        (["run", "smoke", "--set", "densities=[2]"], "error: --set densities=[2]"),
        (["check", "mako"], "error: unknown format 'mako'; did you mean 'macko'?"),
        (["plot", "nowhere"], "error: nowhere: there is no such file or folder"),
        (["targets", "nowhere"], "error: nowhere: there is no such file or folder"),
        (["compare", "nowhere", "nowhere"], "error: nowhere: there is no such file or folder"),
        (["compare", "nowhere"], "error: compare: name two results folders or bundles, BASE NEW"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(words, line, tmp_path):
    done = spmvbench(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(line)
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_wrong_option_is_exit_code_2():
    assert spmvbench("run", "smoke", "--speed").returncode == 2


def test_a_full_disk_is_one_line_and_exit_code_2(experiment, tmp_path):
    spmvbench("run", experiment, "--out", tmp_path / "out", "--set", "densities=0.2")
    (path,) = tmp_path.rglob("records.csv")
    rows = path.read_bytes()
    path.unlink()
    path.symlink_to("/dev/full")
    done = spmvbench("run", experiment, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    path.unlink()
    path.write_bytes(rows)
    assert spmvbench("run", experiment, "--out", tmp_path / "out").returncode == 0
    assert len(keys(tmp_path / "out")) == 8


def test_check_judges_a_right_and_a_wrong_format():
    right = spmvbench("check", f"{HERE}/strangers.py:Right")
    assert right.returncode == 0, right.stdout
    what = f"a cell: one of {len(BATTERY)} matrices, in one of 3 dtypes, times one x or several\n"
    count = 6 * len(BATTERY)
    assert right.stdout == f"{what}{HERE}/strangers.py:Right: right in all {count} cells\n"
    wrong = spmvbench("check", f"{HERE}/strangers.py:DropsOneValue")
    assert wrong.returncode == 1
    assert re.search(r"wrong: row \d+, column \d+: saw .*, expected", wrong.stdout)


def test_check_survives_a_format_that_crashes_and_gives_up_in_time():
    done = spmvbench("check", f"{HERE}/strangers.py:Segfaults")
    assert done.returncode == 1
    assert "wrong in 3 of 3 cells" in done.stdout
    left = 6 * len(BATTERY) - 3
    assert f"gave up after 3 lost workers; {left} cells are not judged" in done.stdout
    assert "crashed: the process died of SIGSEGV" in done.stdout


def test_the_schema_is_the_shipped_one():
    done = spmvbench("schema")
    assert json.loads(done.stdout) == json.loads((TOP / "experiments" / "schema.json").read_text())


def test_list_names_every_format_and_reason():
    done = spmvbench("list", COLUMNS="200")
    assert done.returncode == 0
    ours = ("macko", "bitmap", "csr16", "dense-f16", "dense-int8", "dense-int4")
    for word in (*ours, "dense-numpy", "csr-scipy", "available"):
        assert word in done.stdout


def test_list_gives_each_reason_once_in_80_columns():
    lines = spmvbench("list", COLUMNS="80").stdout.splitlines()
    table = lines[: lines.index("")]
    assert len(table) == 1 + len(names())
    reasons = [line for line in lines if line.startswith("(")]
    assert len({line.partition(") ")[2] for line in reasons}) == len(reasons)


def test_help_shows_the_whole_sentence_of_every_command_in_80_columns():
    commands = spmvbench("--help", COLUMNS="80").stdout.partition("Commands:")[2]
    assert "  bundle " in commands
    assert "..." not in commands


def test_version_is_the_packages():
    from spmvbench import __version__

    assert spmvbench("--version").stdout.strip() == f"spmvbench {__version__}"


def test_a_trained_network_is_pruned_and_measured(tmp_path):
    source = tmp_path / "toy.safetensors"
    toy_network.write_toy_network(source)
    done = spmvbench(
        *("run", "real_weights", "--out", tmp_path / "out", "--set", f"source={source}"),
        *("--set", "tensors=*", "--set", "timing={budget_s: 0.02, min_samples: 10}"),
    )
    assert done.returncode == 0, done.stderr
    frame = records.load([tmp_path / "out"])
    assert set(frame["status"]) == {"ok"}
    for name in ("macko", "bitmap", "csr16"):
        rows = frame[frame["format"] == name]
        expected = [
            getattr(theory, name)(r.density, value_bits=16, cols=r.cols) for r in rows.itertuples()
        ]
        assert rows["effective_density"].to_numpy() == pytest.approx(expected, rel=0.02)


LONGER = ["--set", "densities=[0.1,0.2,0.3,0.4]", "--set", "timing.budget_s=0.05"]


def descendants(process):
    return [p.pid for p in psutil.Process(process.pid).children(recursive=True)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The rows of the same run, not killed."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "tiny.yaml").write_text(EXPERIMENT)
    spmvbench("run", folder / "tiny.yaml", *LONGER, "--out", folder / "out")
    return sorted(keys(folder / "out"))


@pytest.mark.parametrize("seed", range(3))
def test_killing_the_parent_orphans_nobody_and_loses_at_most_the_problem_in_work(
    experiment, tmp_path, whole, seed
):
    words = ["run", experiment, *LONGER]
    killed = subprocess.Popen(
        command(*words, "--out", tmp_path / "killed"),
        cwd=TOP,
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = [killed.stdout.readline() for _ in range(2 + seed)]
    time.sleep(random.Random(seed).random() / 10)
    children = descendants(killed)
    killed.kill()
    killed.wait()
    killed.stdout.close()
    assert children
    assert gone(children)
    saved = keys(tmp_path / "killed")
    assert len(saved) >= 2 * (len(lines) - 1)
    done = spmvbench(*words, "--out", tmp_path / "killed")
    assert done.returncode == 0, done.stderr
    assert sorted(keys(tmp_path / "killed")) == whole
    assert keys(tmp_path / "killed")[: len(saved)] == saved


def gone(pids, patience_s=5.0):
    """Whether no such process lives any more; the kernel needs a moment to tell them."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if not any(map(psutil.pid_exists, pids)):
            return True
        time.sleep(0.05)
    return False


def test_killing_the_worker_loses_nothing(experiment, tmp_path):
    run = subprocess.Popen(
        command("run", experiment, *LONGER, "--out", tmp_path / "out"),
        cwd=TOP,
        stdout=subprocess.PIPE,
        text=True,
    )
    run.stdout.readline()
    os.kill(descendants(run)[0], signal.SIGKILL)
    run.communicate()
    assert run.returncode == 0
    rows = keys(tmp_path / "out")
    assert len(rows) == len({row[:4] for row in rows}) == 16
    assert {row[-1] for row in rows} == {"ok"}


def test_an_interrupt_says_how_to_go_on(experiment, tmp_path):
    run = subprocess.Popen(
        command("run", experiment, *LONGER, "--out", tmp_path / "out"),
        cwd=TOP,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # In the background, a shell lets its children ignore interrupts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    run.stdout.readline()
    run.stdout.readline()
    run.send_signal(signal.SIGINT)
    _, said = run.communicate()
    assert run.returncode == 130
    assert said.strip() == "stopped; the same command goes on where this one ended"
