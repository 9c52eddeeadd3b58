"""Options that several commands have mean the same in each."""

from __future__ import annotations

import re
import sys

import pytest
import typer
from typer.testing import CliRunner

from spmvbench import cli
from spmvbench.cli.app import each
from spmvbench.cli.durations import seconds
from spmvbench.errors import UserError


@pytest.fixture
def said(monkeypatch, capsys, tmp_path):
    """What a command that fails says, one line; run in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["spmvbench", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    return call


@pytest.mark.parametrize(
    ("text", "value"),
    [("90", 90), ("90s", 90), ("3m", 180), ("1.5 min", 90), ("1h", 3600), ("0.5h", 1800)],
)
def test_a_length_of_time_may_have_a_unit(text, value):
    assert seconds(text, "--limit") == value


@pytest.mark.parametrize("text", ["", "soon", "-3s", "3 days", "inf", "1h30"])
def test_another_length_of_time_is_refused(text):
    with pytest.raises(UserError, match="expected a length of time, as 90, 90s, 3m or 1.5h"):
        seconds(text, "--limit")


@pytest.mark.parametrize(
    "words", [("run", "smoke", "--limit"), ("gate", "HEAD", "HEAD", "smoke", "--budget")]
)
def test_every_command_says_which_option_is_no_length_of_time(said, words):
    assert said(*words, "soon").startswith(f"error: {words[-1]} soon: expected a length of time")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (None, ()),
        (["a", "b"], ("a", "b")),
        (["a,b", "c"], ("a", "b", "c")),
        (["a, b,"], ("a", "b")),
    ],
)
def test_words_of_a_repeated_option_may_be_joined_by_commas(given, meant):
    assert each(given) == meant


@pytest.mark.parametrize("option", ["--only", "--skip"])
def test_each_of_the_joined_formats_is_looked_up(said, option):
    assert said("run", "smoke", option, "macko,bitmab").startswith(
        "error: smoke has no format 'bitmab'; did you mean 'bitmap'?"
    )


def test_a_density_that_is_none_is_named_with_its_option(said):
    words = ("advise", "--shapes", "llama3-8b", "--density", "0.5,half")
    assert said(*words) == "error: --density half: expected shares, as 0.5 or 0.2,0.5"


COMMANDS = [
    command.name or command.callback.__name__.replace("_", "-")
    for command in cli.app.registered_commands
]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_fits_80_columns_and_names_values_in_words(name):
    sized = {"COLUMNS": "80", "TERMINAL_WIDTH": "80"}
    text = CliRunner(env=sized).invoke(cli.app, [name, "--help"]).output
    assert max(map(len, text.splitlines())) <= 80
    assert "<" not in re.sub(r"[\d.]+<?=?x?<=[\d.]+", "", text.partition("\nOptions:")[2])


def test_an_option_of_several_commands_has_the_same_help_in_all():
    said = {}
    for command in click_commands():
        for option in command.params:
            if option.opts[0] in ("--device", "--only", "--skip", "--set", "--fail-on"):
                said.setdefault(option.opts[0], set()).add((option.metavar, option.help))
    assert len(said) == 5
    assert all(len(words) == 1 for words in said.values())


def click_commands():
    return typer.main.get_command(cli.app).commands.values()
