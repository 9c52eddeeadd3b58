"""A gate from the command to its verdict, on revisions whose `run` is a stub."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
from gate_repository import EXPERIMENT, git, prepare_rows, repository
from scipy import sparse

from spmvbench.compare import Options, exit_code
from spmvbench.gate import GateError, Request, gate

TOP = Path(__file__).parent.parent


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The repository, as working directory; temporary folders land where the test can see them."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("ROWS", str(prepare_rows(tmp_path / "rows")))
    monkeypatch.chdir(repository(tmp_path / "repository"))
    return Path.cwd()


def request(base, new, **changed):
    return Request(
        **{"repo": Path(), "base": base, "new": new, "experiment": "bench/tiny.yaml"}
        | {"budget_s": 0.0}
        | changed
    )


def gated(base, new, said=None, **changed):
    lines = [] if said is None else said
    return gate(request(base, new, **changed), Options(absolute_us=0), lines.append)


def told(folder):
    """What every launch was told, by its folder."""
    paths = sorted(folder.rglob("told.json"))
    return {str(p.parent.relative_to(folder)): json.loads(p.read_text()) for p in paths}


def nothing_is_left(here):
    return (
        not list((here.parent / "temporary").iterdir())
        and len(git(here, "worktree", "list").splitlines()) == 1
    )


def test_a_slower_revision_fails_after_fresh_launches_of_its_format_only(here):
    said = []
    found = gated("fast", "slow", said, out=here.parent / "out")
    assert [(x.format, x.verdict) for x in found.lines] == [
        ("csr16", "slower"),
        ("dense-f16", "same"),
    ]
    assert exit_code(found) == 1
    launches = told(here.parent / "out")
    assert sorted(launches) == [
        f"{turn}/{side}/{number}"
        for turn in ("first", "fresh")
        for side in ("base", "new")
        for number in (1, 2, 3)
    ]
    assert "--only" not in launches["first/new/1"]["words"]
    assert launches["fresh/new/2"]["words"][-4:-2] == ["--only", "csr16"]
    assert "fresh launches of what looks slower: csr16" in said
    assert nothing_is_left(here)


def test_a_faster_or_equal_revision_passes_without_more_launches(here):
    for new in ("fast", "slow"):
        found = gated("slow", new, out=here.parent / new)
        assert exit_code(found) == 0
        assert not (here.parent / new / "fresh").exists()


def test_each_revision_runs_its_own_code_in_turn_and_knows_its_commit(here):
    gated("fast", "slow", out=here.parent / "out")
    launches = told(here.parent / "out")
    for side, name in (("base", "fast"), ("new", "slow")):
        one = launches[f"first/{side}/1"]
        assert one["commit"] == git(here, "rev-parse", name)
        assert one["package"] == f"{one['folder']}/spmvbench"
    pids = [launches[f"first/{run}"]["pid"] for run in ("base/1", "new/1", "new/2", "base/2")]
    assert len(set(pids)) == 4


def test_both_are_asked_what_the_working_directory_says_and_not_what_they_hold(here):
    changed = EXPERIMENT + "# changed\n"
    (here / "bench" / "tiny.yaml").write_text(changed)
    gated("fast", "slow", out=here.parent / "out")
    launches = told(here.parent / "out").values()
    assert {(one["experiment"], one["words"][1]) for one in launches} == {
        (changed, "bench/tiny.yaml")
    }


def test_an_experiment_is_found_from_a_folder_below_and_run_there(here, monkeypatch):
    monkeypatch.chdir(here / "bench")
    gated("fast", "slow", experiment="tiny.yaml", out=here.parent / "out")
    one = told(here.parent / "out")["first/base/1"]
    assert one["words"][1] == "tiny.yaml"
    assert one["folder"].endswith("/base/bench")


def test_an_experiment_outside_the_repository_is_named_where_it_is(here):
    (here.parent / "else.yaml").write_text(EXPERIMENT)
    gated("fast", "slow", experiment="../else.yaml", out=here.parent / "out")
    assert told(here.parent / "out")["first/new/1"]["words"][1] == str(here.parent / "else.yaml")


def test_options_reach_every_launch_and_a_matrix_file_is_named_where_it_is(here):
    source = here / "weights.npz"
    sparse.save_npz(source, sparse.eye_array(8, format="csr"))
    (here / "bench" / "tiny.yaml").write_text("formats: [csr16]\nsource: weights.npz\n")
    gated(
        "fast",
        "fast",
        out=here.parent / "out",
        device="cpu",
        overrides=("timing.budget_s=0.1",),
        skip=("dense-f16",),
    )
    assert told(here.parent / "out")["first/new/1"]["words"][2:-2] == [
        *("--device", "cpu", "--set", "timing.budget_s=0.1", "--set", f"source={source}"),
        *("--skip", "dense-f16"),
    ]


def test_the_working_tree_may_be_judged_before_it_is_committed(here):
    (here / "spmvbench" / "speed").write_text("slow")
    found = gated("HEAD", "WORKTREE", out=here.parent / "out")
    assert exit_code(found) == 1
    commit = told(here.parent / "out")["first/new/1"]["commit"]
    assert commit == git(here, "rev-parse", "HEAD") + "+dirty"


def test_a_build_is_run_at_the_top_of_each_revision(here, monkeypatch):
    monkeypatch.chdir(here / "bench")
    build = "test -d bench && printf slow > spmvbench/speed"
    said = []
    found = gated("fast", "fast", said, experiment="tiny.yaml", build=build)
    assert {round(line.base_us) for line in found.lines if line.format == "csr16"} == {110}
    commit = git(here, "rev-parse", "fast")[:9]
    assert [line for line in said if build in line] == 2 * [f"fast ({commit}): {build}"]


def test_a_failing_build_shows_the_end_of_its_log(here):
    build = "seq 100; echo no compiler >&2; exit 3"
    with pytest.raises(GateError, match="(?s)exit code 3; its last lines:\n.*100\nno compiler"):
        gated("fast", "slow", build=build)
    assert nothing_is_left(here)


def test_a_launch_that_fails_is_one_line_with_the_revision(here):
    with pytest.raises(GateError, match=r"^fails \(\w{9}\): spmvbench run failed: no such luck$"):
        gated("fast", "fails")
    assert nothing_is_left(here)


def test_a_small_budget_is_said_to_be_one(here):
    assert any("3 launches of each side are the least" in n for n in gated("fast", "fast").notes)


def test_an_existing_results_folder_is_refused(here):
    (here.parent / "out").mkdir()
    (here.parent / "out" / "records.csv").write_text("")
    with pytest.raises(GateError, match="there is something already; expected a new folder"):
        gated("fast", "slow", out=here.parent / "out")


def command(*words):
    return [sys.executable, "-m", "spmvbench", "gate", *map(str, words)]


def surroundings():
    """The command is this checkout's own, although it is run in another spmvbench."""
    return os.environ | {"PYTHONPATH": str(TOP), "PYTHONSAFEPATH": "1", "COLUMNS": "120"}


def run(*words):
    return subprocess.run(
        command(*words, "--budget", "0s"),
        capture_output=True,
        text=True,
        env=surroundings(),
        check=False,
    )


def test_the_command_prints_the_comparison_its_sentence_and_fails(here):
    done = run("fast", "slow", "bench/tiny.yaml")
    assert done.returncode == 1, done.stderr
    assert re.search(r"^noise floor [\d.]+ %; 1 slower, 1 same; 1 is worse\n\Z", done.stdout, re.M)
    assert run("fast", "slow", "bench/tiny.yaml", "--fail-on", "slower=25%").returncode == 0


def test_the_command_speaks_to_github(here):
    done = run("fast", "slow", "bench/tiny.yaml", "--format", "github", "--out", here.parent / "o")
    assert done.stderr.endswith(f"\nwrote {here.parent / 'o'}\n")
    assert done.stdout.startswith("::error title=spmvbench compare::csr16 k cold 1t: slower, 1.100")


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "terminated"])
def test_stopping_it_ends_the_launch_and_leaves_nothing(here, signal_):
    pipe = os.open(here.parent / "rows" / "pid", os.O_RDONLY | os.O_NONBLOCK)
    process = subprocess.Popen(
        command("fast", "hangs", "bench/tiny.yaml"),
        env=surroundings(),
        stderr=subprocess.PIPE,
        text=True,
        # In the background, a shell lets its children ignore interrupts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert select.select([pipe], [], [], 60)[0], process.communicate()
    child = psutil.Process(int(os.read(pipe, 20)))
    os.close(pipe)
    process.send_signal(signal_)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "stopped; both checkouts are removed"
    assert not child.is_running()
    assert nothing_is_left(here)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["fats", "slow", "bench/tiny.yaml"],
            "error: unknown revision 'fats'; did you",
        ),
        (["fast", "slow", "bench/none.yaml"], "error: bench/none.yaml: there is no such file"),
        (["fast", "slow", "smoke", "--repo", "/"], "error: --repo /: not a git repository"),
        (["fast", "slow", "smoke", "--fail-on", "3"], "error: --fail-on 3: expected slower="),
        (["fast", "fails", "bench/tiny.yaml"], "error: fails ("),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(words, line, here):
    done = run(*words)
    assert done.returncode == 2
    assert [x for x in done.stderr.splitlines() if ": launch " not in x][0].startswith(line)
    assert nothing_is_left(here)
