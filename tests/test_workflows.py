"""The action and the workflows: what they run is there, and takes the options they give."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer
import yaml

from spmvbench.cli import app
from spmvbench.cli.comparing import share
from spmvbench.cli.durations import seconds
from spmvbench.experiment import load

TOP = Path(__file__).parent.parent
ACTION = yaml.safe_load((TOP / "action.yml").read_text())
WORKFLOWS = {
    path.name: yaml.safe_load(path.read_text())
    for path in (TOP / ".github" / "workflows").glob("*.yml")
}
CI = TOP / ".ci" / "run"


def steps(workflow):
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


USES = [
    step["with"]
    for workflow in WORKFLOWS.values()
    for step in steps(workflow)
    if step.get("uses") == "./"
]


def spmvbench_commands(text):
    """The words after `spmvbench` of each command of a shell script."""
    lines = text.replace("\\\n", " ").splitlines()
    found = [line.partition("-m spmvbench ")[2] or line.partition("$(RUN) ")[2] for line in lines]
    return [shlex.split(words) for words in found if words]


def parsed(words):
    """A command's parameters. An unknown command or option raises."""
    commands = typer.main.get_command(app)
    name, *rest = words
    return commands.commands[name].make_context(name, rest).params


def filled(pattern, text, values):
    """The text with what the pattern finds replaced by the value of that name."""
    return re.sub(pattern, lambda found: str(values.get(found[1], found[0])), str(text))


def action_commands(inputs):
    """What the action runs for these inputs, defaults filled in."""
    values = {name: one.get("default", "") for name, one in ACTION["inputs"].items()} | inputs
    for step in ACTION["runs"]["steps"]:
        environment = {
            name: filled(r"\$\{\{ inputs\.([\w-]+) \}\}", text, values)
            for name, text in step.get("env", {}).items()
        }
        environment |= {"BASE": "0123abc"}
        yield from spmvbench_commands(filled(r"\$(\w+)", step.get("run", ""), environment))


def test_the_action_runs_doctor_and_gate_with_options_that_exist():
    doctor, gate = action_commands({"experiment": "smoke", "build": "make kernels"})
    assert parsed(doctor)["format_"].value == "text"
    asked = parsed(gate)
    assert (asked["base"], asked["new"], asked["experiment"]) == ("0123abc", "HEAD", "smoke")
    assert (asked["build"], asked["format_"]) == ("make kernels", "github")
    assert (seconds(asked["budget"], "--budget"), share(asked["fail_on"])) == (180, 0.03)


def test_an_option_that_does_not_exist_would_be_found():
    with pytest.raises(Exception, match="--speed"):
        parsed(["gate", "a", "b", "smoke", "--speed", "3"])


@pytest.mark.parametrize("inputs", USES)
def test_every_use_of_the_action_names_its_inputs_and_an_experiment_that_is_there(inputs):
    required = {name for name, one in ACTION["inputs"].items() if one.get("required")}
    assert required <= set(inputs) <= set(ACTION["inputs"])
    _, gate = action_commands(inputs)
    asked = parsed(gate)
    assert load(str(TOP / asked["experiment"]), asked["set_"]).formats
    assert seconds(asked["budget"], "--budget") > 0
    assert share(asked["fail_on"]) > 0


def test_pull_requests_are_gated_on_their_merge_base_and_keep_their_results():
    workflow = WORKFLOWS["benchmarks.yml"]
    assert "pull_request" in workflow[True]  # YAML 1.1 reads `on` as true
    (checkout, *_), _ = (job["steps"] for job in workflow["jobs"].values())
    assert checkout["with"]["fetch-depth"] == 0
    assert len(USES) == 1
    scripts = [step.get("run", "") for step in ACTION["runs"]["steps"]]
    assert any('git merge-base "origin/$TARGET" "$NEW"' in script for script in scripts)
    kept = [step["with"]["path"] for step in ACTION["runs"]["steps"] if "upload" in str(step)]
    assert kept == ["${{ inputs.results }}"]


def test_no_script_of_the_action_holds_an_expression_that_a_pull_request_could_fill():
    assert not any("${{" in step.get("run", "") for step in ACTION["runs"]["steps"])


def test_ci_gates_identical_revisions():
    assert "make gate" in CI.read_text()
    (gate,) = [w for w in spmvbench_commands((TOP / "Makefile").read_text()) if w[0] == "gate"]
    asked = parsed(gate)
    assert (asked["base"], asked["new"], asked["fail_on"]) == ("HEAD", "HEAD", "slower=25%")
    assert load(str(TOP / asked["experiment"]), asked["set_"]).name == "smoke"
