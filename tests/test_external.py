"""Programs that time themselves: run, read, and never taken at their word for a speed-up."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from plugins.built import MISSING, program
from scipy.io import mmread
from typer.testing import CliRunner

from spmvbench.case import Case, Timing
from spmvbench.cli import app
from spmvbench.errors import ExperimentError, UnknownFormat
from spmvbench.experiment import load
from spmvbench.external import run as running
from spmvbench.external.program import NoTime, Program
from spmvbench.external.run import KEPT_BYTES, run, write_mtx
from spmvbench.formats import resolve
from spmvbench.problems import Problem
from spmvbench.process import WorkerProcess
from spmvbench.records import Results, samples
from spmvbench.records import load as rows_of
from spmvbench.runner import Runner

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)

TIME = resolve("dasp").program.time
QUICK = Timing(budget_s=0.02, min_samples=6, timeout_s=3)
PROBLEM = Problem(4, 5, 0.5)
DENSE = np.arange(20, dtype=np.float16).reshape(4, 5)


def told(how, **more):
    """A program that does that."""
    return Program("rival", f"'{program()}' {how}", more.pop("time", TIME), **more)


def ran(how, **more):
    return run(told(how, **more), PROBLEM, DENSE, "cpu", 2, lambda: None)


def measured(tmp_path, rivals, launches=1, formats=("csr16", "dense-f16"), **problem):
    """The saved rows by format."""
    names = (*(f"external:{one.name}" for one in rivals), *formats)
    case = Case("t", Problem(48, 60, 0.5, **problem), names, "hot", 1, QUICK, programs=rivals)

    def start():
        return WorkerProcess("cpu")

    with Results(tmp_path / "r") as results:
        runner = Runner(results, start(), start, lambda record: None, launches)
        try:
            runner.measure(case)
        finally:
            runner.close()
    return {row.format: row for row in results.rows}


# What it prints


@pytest.mark.parametrize(
    ("line", "us"),
    [
        ("SpMV_X:    0.0164 ms, 102.2689 GFlop/s", 16.4),
        ("SpMV_X: 16 us", 16),
        ("SpMV_X:1.5e-05 s", 15),
        ("SpMV_X:\t900 ns", 0.9),
    ],
)
def test_the_default_expression_of_dasp_reads_its_time_with_its_unit(line, us):
    assert told("").microseconds(f"before\n{line}\nafter") == [pytest.approx(us)]


def test_every_time_is_read_and_a_fixed_unit_serves_all():
    one = Program("r", "p", r"took (?P<time>\S+)", unit="us")
    assert one.microseconds("took 3\ntook 1\ntook 2") == [3, 1, 2]


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("SpMV_X: none", "nothing it printed fits"),
        ("", "last line: nothing"),
        ("time 3 parsec", "its unit is 'parsec'; expected one of ns, us"),
        ("time x ms", "its time is 'x'; expected a number"),
        ("time 0 ms", "its time is 0 ms; expected more than nothing"),
        ("time -1 ms", "expected more than nothing"),
        ("time inf ms", "expected more than nothing"),
        ("time nan ms", "expected more than nothing"),
        ("time 3 ms\nERROR: y differs", "it printed: ERROR: y differs"),
    ],
)
def test_what_is_no_time_is_said(output, words):
    expression = TIME if "SpMV" in output or not output else r"time (?P<time>\S+) (?P<unit>\S+)"
    with pytest.raises(NoTime, match=re.escape(words)):
        Program("r", "p", expression, error="ERROR").microseconds(output)


# How it is run


def test_its_time_is_read_and_all_that_it_prints_is_kept():
    got = ran("right")
    assert (got.times_us, got.failure) == ([pytest.approx(16.4)], None)
    assert "threads 2\nSpMV_X:" in got.log


@pytest.mark.parametrize(
    ("how", "status", "words"),
    [
        ("crashes", "crashed", "died of SIGABRT; last line: about to fail"),
        ("fails", "error", "exit code 3: cannot read the matrix"),
        ("garbage", "error", "nothing it printed fits"),
        ("silent", "error", "last line: nothing"),
        ("says 'SpMV_X: 3 days'", "error", "nothing it printed fits"),
        ("says 'SpMV_X: 16.4 s'", "error", "says 16.4 s for a product, but ran for 0."),
    ],
)
def test_what_goes_wrong_is_a_status_and_one_line(how, status, words):
    failure = ran(how).failure
    assert failure.status == status
    assert words in failure.reason
    assert "\n" not in failure.reason


@pytest.mark.parametrize("how", ["hangs", "floods"])
def test_it_is_ended_after_its_timeout(how):
    got = ran(how, timeout_s=0.5)
    assert got.failure.status == "timeout"
    assert "still running after 0.5 s" in got.failure.reason
    assert len(got.log) < 3 * KEPT_BYTES


def test_of_a_long_output_the_beginning_and_the_end_are_kept():
    got = ran("long")
    assert got.times_us == [pytest.approx(16.4)]
    assert got.log.startswith("a line")
    assert "bytes are left out" in got.log
    assert 2 * KEPT_BYTES <= len(got.log) < 2 * KEPT_BYTES + 100_000


def test_what_it_has_started_is_ended_with_it():
    (child,) = re.findall(r"child (\d+)", ran("orphans").log)
    assert gone(int(child))


def gone(process):
    """Whether it ends: killed, it may be there a moment longer, and nobody may ask how it ended."""
    for _ in range(100_000):
        try:
            if " Z " in Path(f"/proc/{process}/stat").read_text():
                return True
        except OSError:
            return True
    return False


def test_the_watch_is_told_that_it_lives():
    beats = []
    run(told("right"), PROBLEM, DENSE, "cpu", 2, lambda: beats.append(1))
    assert beats


def test_the_words_of_a_command_are_filled_in_and_stay_words(tmp_path):
    folder = tmp_path / "with space"
    folder.mkdir()
    one = Program("r", f"'{folder}/p' 'a b' {{rows}}x{{cols}} {{{{}}}} {{mtx}}", "")
    words = one.words({"rows": "2", "cols": "3", "mtx": "/a b.mtx"})
    assert words == [f"{folder}/p", "a b", "2x3", "{}", "/a b.mtx"]


# The matrix


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_file_holds_every_value_as_it_was(tmp_path, dtype):
    dense = (np.random.default_rng(1).standard_normal((7, 7)) / 3).astype(dtype)
    dense[::2] = 0
    dense[:, 0] = -0.0
    write_mtx(tmp_path / "a.mtx", dense)
    read = mmread(tmp_path / "a.mtx").toarray().astype(dtype)
    np.testing.assert_array_equal(read, dense)
    assert (
        (tmp_path / "a.mtx").read_text().startswith("%%MatrixMarket matrix coordinate real general")
    )


def test_it_is_given_the_file_and_finds_the_matrix_in_it():
    assert "\n4 5 19\n" in ran("matrix {mtx}").log


def test_more_non_zeros_than_a_text_file_should_hold_are_unavailable(monkeypatch):
    monkeypatch.setattr(running, "MOST_NONZEROS", 18)
    failure = ran("matrix {mtx}").failure
    assert (failure.status, failure.reason) == (
        "unavailable",
        "rival reads a text file: at most 18 non-zeros, not 19",
    )
    assert ran("right").failure is None  # it reads no file


# As a row


def test_its_row_has_a_time_and_no_speedup(tmp_path):
    rows = measured(tmp_path, (told("right"),))
    row = rows["external:rival"]
    assert (row.status, row.timer, row.cache_method) == ("unverified", "external", "unknown")
    assert row.median_us == pytest.approx(16.4)
    assert row.speedup is None
    assert rows["csr16"].baseline == "dense-f16"
    assert samples(tmp_path / "r", row.samples_offset, row.samples).tolist() == [
        pytest.approx(16.4, rel=1e-6)
    ]
    (log,) = (tmp_path / "r" / "logs").iterdir()
    assert "SpMV_X" in log.read_text()


def test_it_is_run_in_every_launch_but_keeps_its_own_word(tmp_path):
    row = measured(tmp_path, (told("right"),), launches=2)["external:rival"]
    assert (row.status, row.samples) == ("unverified", 1)
    assert row.samples_offset is not None


@pytest.mark.parametrize(("how", "status"), [("crashes", "crashed"), ("hangs", "timeout")])
def test_a_program_that_fails_costs_its_own_row_and_leaves_its_output(tmp_path, how, status):
    rows = measured(tmp_path, (told(how, timeout_s=4.0),))  # longer than a step may take
    assert rows["external:rival"].status == status
    assert rows["csr16"].status == rows["dense-f16"].status == "ok"
    assert list((tmp_path / "r" / "logs").iterdir())


def test_a_worker_that_another_format_crashes_runs_it_all_the_same(tmp_path):
    crash = f"{Path(__file__).parent}/strangers.py:Segfaults"
    rows = measured(tmp_path, (told("right"),), formats=(crash, "dense-f16"))
    assert rows[crash].status == "crashed"
    assert rows["external:rival"].status == "unverified"


def test_several_vectors_and_another_device_are_unavailable(tmp_path):
    gpu = replace(told("right"), name="gpu", devices=("cuda",))
    rows = measured(tmp_path, (told("right"), gpu), batch=2)
    assert rows["external:rival"].reason == "rival multiplies one vector, not 2"
    assert rows["external:gpu"].reason == "gpu runs on cuda, not cpu"


def test_a_program_that_is_not_there_is_unavailable(tmp_path):
    absent = Program("rival", "/no/such/program {mtx}", TIME)
    row = measured(tmp_path, (absent,))["external:rival"]
    assert row.status == "unavailable"
    assert "there is no program /no/such/program" in row.reason


def test_a_file_that_may_not_be_executed_is_unavailable_with_the_way_out(tmp_path):
    script = tmp_path / "rival.sh"
    script.write_text("#!/bin/sh\n")
    row = measured(tmp_path, (Program("rival", f"{script} {{mtx}}", TIME),))["external:rival"]
    assert row.status == "unavailable"
    assert row.reason == f"rival: {script} may not be executed: chmod +x {script}"


def test_no_figure_shows_it(tmp_path):
    from spmvbench.curves import parts

    measured(tmp_path, (told("right"),))
    (part,) = parts(rows_of([tmp_path / "r"]))
    shown = {*part.timed["format"], *part.others["format"]}
    assert shown == {"csr16", "dense-f16"}


# In an experiment


def experiment(tmp_path, text, name="e.yaml"):
    path = tmp_path / name
    path.write_text("formats: [macko]\nshapes: [[4, 4]]\ndensities: 0.5\n" + text)
    return load(str(path))


GOOD = "external:\n  rival:\n    command: ./p {mtx}\n    time: '(?P<time>.) ms'\n    unit: ms\n"


def test_an_experiments_programs_are_contestants(tmp_path):
    (tmp_path / "p").write_text("")
    found = experiment(tmp_path, GOOD)
    assert found.formats == ("macko", "external:rival")
    (case,) = found.cases("cpu", 1)
    assert Case.from_json(case.to_json()) == case
    (one,) = case.programs
    assert one.command == f"{tmp_path}/p '{{mtx}}'"


def test_a_word_of_a_shell_that_is_quoted_is_a_word_like_others(tmp_path):
    (tmp_path / "p").write_text("")
    found = experiment(tmp_path, GOOD.replace("{mtx}", "'a | b' \">\" '|' \\< a|b {mtx}"))
    words = ["a | b", ">", "|", "<", "a|b", "m"]
    assert found.programs[0].words({"mtx": "m"})[1:] == words
    (tmp_path / "again.yaml").write_text(found.canonical)
    assert load(str(tmp_path / "again.yaml")).programs == found.programs


def test_the_example_of_the_docs_reads_what_it_says_it_reads(tmp_path):
    page = (Path(__file__).parent.parent / "docs" / "baselines.md").read_text()
    (text,) = re.findall(r"```yaml\n(formats.*?)```", page, re.S)
    path = tmp_path / "e.yaml"
    path.write_text(text)
    (one,) = load(str(path)).programs
    assert one.microseconds("SpMV: 0.5 ms") == [500]
    assert (one.timeout_s, one.devices) == (120, ("cuda",))


def test_the_stored_settings_give_the_same_programs(tmp_path):
    found = experiment(tmp_path, GOOD)
    (tmp_path / "again.yaml").write_text(found.canonical)
    again = load(str(tmp_path / "again.yaml"))
    assert (again.programs, again.formats) == (found.programs, found.formats)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "{mtx}",
            "{matrix}",
            ":6: external.rival.command: the command has {matrix}; expected some of",
        ),
        ("{mtx}", "'{mtx}", "the command cannot be read: No closing quotation"),
        ("{mtx}", "{mtx", "the command cannot be read"),
        ("./p {mtx}", "'{mtx}'", "the command begins with a place in braces"),
        ("{mtx}", "{mtx} | tail -1", "the command has |, and no shell runs it; expected a script"),
        ("{mtx}", "'a > b' \"|\" < {mtx}", "the command has <, and no shell"),
        ("<time>", "<zeit>", "time has no group named time"),
        ("(?P<time>.) ms", "(?P<time>. ms", "is no regular expression"),
        ("    unit: ms\n", "", "missing key 'unit'"),
        (
            "unit: ms",
            "unit: days",
            "rival.unit is 'days'; expected 'ns', 'us', 'ms' or 's'",
        ),
        ("(?P<time>.) ms", "(?P<time>.) (?P<unit>s)", "the unit is a group of time and a key"),
        ("unit:", "units:", "unknown key 'units'; did you mean 'unit'?"),
        ("  rival", "  a/b", "external"),
        ("    command: ./p {mtx}\n", "", "missing key 'external.rival.command'"),
        ("unit: ms", "unit: ms\n    timeout_s: 0", "expected a number of seconds above 0"),
        ("unit: ms", "unit: ms\n    devices: [tpu]", "expected 'cpu' or 'cuda'"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(tmp_path, old, new, words):
    assert old in GOOD
    with pytest.raises(ExperimentError, match=re.escape(words)) as error:
        experiment(tmp_path, GOOD.replace(old, new))
    assert "\n" not in str(error.value)


def test_a_contestant_that_nothing_stands_for_is_refused(tmp_path):
    path = tmp_path / "e.yaml"
    path.write_text("formats: ['external:other']\nshapes: [[4, 4]]\ndensities: 0.5\n" + GOOD)
    with pytest.raises(ExperimentError, match="no 'other' under external, which holds rival"):
        load(str(path))


def test_a_program_or_a_command_that_changed_is_another_source(tmp_path):
    path = tmp_path / "p"
    path.write_text("one")
    path.chmod(0o755)
    one = Program("rival", str(path), TIME)
    before = one.stamp
    assert replace(one, timeout_s=1.0).stamp != before
    path.write_text("two")
    assert one.stamp != before


# DASP


def test_dasp_says_what_it_lacks(monkeypatch):
    monkeypatch.delenv("SPMVBENCH_DASP", raising=False)
    fmt = resolve("dasp")
    assert fmt.unavailable("cuda").startswith("SPMVBENCH_DASP is not set; docs/baselines.md")
    assert fmt.unavailable("cpu") == "dasp runs on cuda, not cpu"
    monkeypatch.setenv("SPMVBENCH_DASP", "/no/where/spmv_half")
    assert "there is no program /no/where/spmv_half" in fmt.unavailable("cuda")
    assert fmt.unavailable("cuda", Problem(4, 4, 0.5, dtype="float32")) == (
        "dasp is run in float16, not float32"
    )


def test_dasp_is_run_on_the_file_alone(monkeypatch):
    monkeypatch.setenv("SPMVBENCH_DASP", str(program()))
    fmt = resolve("dasp")
    assert fmt.unavailable("cuda", Problem(4, 5, 0.5)) is None
    got = run(fmt.program, PROBLEM, DENSE, "cuda", 0, lambda: None)
    assert got.times_us == [pytest.approx(16.4)]


def test_a_program_of_an_experiment_has_no_name_outside_of_it():
    with pytest.raises(UnknownFormat, match="is a program of an experiment's external"):
        resolve("external:rival")


def test_a_program_cannot_be_called():
    with pytest.raises(TypeError, match="dasp is a program: it is run, not called"):
        resolve("dasp").pack(DENSE)


def test_the_list_says_of_every_rival_what_is_missing(monkeypatch):
    for variable in ("SPMVBENCH_DASP", "SPMVBENCH_SPUTNIK"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("COLUMNS", "600")
    shown = CliRunner().invoke(app, ["list"]).stdout
    lines = {line.split()[0]: line for line in shown.splitlines() if line.split()}
    reasons = dict(re.findall(r"^\((\d+)\) (.+)$", shown, re.MULTILINE))
    for name, variable in (
        ("dasp", "SPMVBENCH_DASP"),
        ("sputnik", "SPMVBENCH_SPUTNIK"),
        ("sputnik-identity", "SPMVBENCH_SPUTNIK"),
    ):
        number = re.findall(r"no \((\d+)\)", lines[name])[-1]
        assert f"{variable} is not set; docs/baselines.md" in reasons[number]
    assert "no (" in lines["macko-original"]
