"""Experiments on matrices from files."""

import json
import struct

import numpy as np
import pytest

from spmvbench import experiment
from spmvbench.errors import ExperimentError
from spmvbench.problems.base import Problem

TEXT = "source: w.safetensors\nformats: [macko, csr16]\n"


def write_safetensors(path, shapes):
    header, offset = {}, 0
    for name, shape in shapes.items():
        size = 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(offset))


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Loads an experiment from its text, beside a file of three matrices and a bias."""
    monkeypatch.chdir(tmp_path)
    write_safetensors(
        tmp_path / "w.safetensors",
        {"a.up": [64, 32], "a.down": [32, 64], "b.up": [64, 32], "b.bias": [64]},
    )

    def from_text(text, overrides=()):
        (tmp_path / "x.yaml").write_text(text)
        return experiment.load("x.yaml", overrides)

    return from_text


@pytest.fixture
def cases(load):
    """The cases of an experiment's text on a CPU with four cores."""
    return lambda text, overrides=(): load(text, overrides).cases("cpu", 4)


@pytest.fixture
def refused(cases):
    """What an experiment's text is refused with."""

    def from_text(text, overrides=()):
        with pytest.raises(ExperimentError) as caught:
            cases(text, overrides)
        return str(caught.value)

    return from_text


def test_each_matrix_of_a_file_is_a_problem_of_its_own(cases):
    found = cases(TEXT + "densities: 0.5\n")
    assert [case.problem for case in found] == [
        Problem(
            rows,
            cols,
            0.5,
            pattern="magnitude",
            source="w.safetensors",
            tensor=tensor,
        )
        for tensor, rows, cols in [("a.down", 32, 64), ("a.up", 64, 32), ("b.up", 64, 32)]
    ]


def test_without_densities_matrices_are_taken_as_stored(cases):
    found = cases(TEXT)
    assert {(case.problem.density, case.problem.pattern) for case in found} == {(None, "stored")}
    assert cases(TEXT + "patterns: stored\n") == found


def test_tensors_are_chosen_by_globs_each_once(cases):
    found = cases(TEXT + "tensors: ['*.up', a.up, a.down]\n")
    assert [case.problem.tensor for case in found] == ["a.up", "b.up", "a.down"]


@pytest.mark.parametrize("pattern", ["magnitude", "magnitude-row", "2:4"])
def test_a_pattern_says_how_a_file_is_pruned(cases, pattern):
    found = cases(TEXT + f"densities: 0.5\npatterns: [{pattern}]\n")
    assert {case.problem.pattern for case in found} == {pattern}


def test_exclude_matches_tensors_by_glob(cases):
    found = cases(TEXT + "exclude: {tensor: 'a.*'}\n")
    assert [case.problem.tensor for case in found] == ["b.up"]


def test_exclude_that_matches_no_tensor_is_refused(refused):
    said = "x.yaml:3: exclude matches no combination: none has tensor 'c.*'"
    assert refused(TEXT + "exclude: {tensor: 'c.*'}\n") == said


def test_include_extends_the_tensors_that_match(cases):
    found = cases(TEXT + "include: {tensor: '*.up', cache: hot}\n")
    assert [case.cache for case in found] == ["cold", "hot", "hot"]


def test_include_may_prune_what_is_otherwise_taken_as_stored(cases):
    text = TEXT + "patterns: stored\ninclude: {tensor: b.up, pattern: magnitude, density: 0.5}\n"
    last = cases(text)[-1].problem
    assert (last.tensor, last.pattern, last.density) == ("b.up", "magnitude", 0.5)


def test_include_of_a_tensor_that_there_is_not_is_refused(refused):
    said = refused(TEXT + "include: {tensor: c.up, cache: hot}\n")
    assert said == "x.yaml:3: no tensor matches 'c.up'"


def test_a_source_is_found_beside_the_experiment_too(load, tmp_path, monkeypatch):
    load(TEXT)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (case, *_) = experiment.load("../x.yaml").cases("cpu", 4)
    assert case.problem.source == "../w.safetensors"


def test_a_source_inside_the_working_directory_is_named_relative_to_it(cases, tmp_path):
    found = cases(TEXT, [f"source={tmp_path / 'w.safetensors'}"])
    assert {case.problem.source for case in found} == {"w.safetensors"}


def test_large_tensors_are_left_out_and_counted(load):
    found = load(TEXT + "max_elements: {cpu: 1}\n")
    assert found.left_out("cpu") == 3


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            "shapes: [64, 32]\n",
            "x.yaml:3: shapes and source exclude each other: a file says how large its matrices "
            "are",
        ),
        (
            "densities: 0.5\npatterns: [magnitude, stored]\n",
            "x.yaml:4: pattern stored takes matrices as they are; expected no densities beside it",
        ),
        (
            "patterns: [magnitude]\n",
            "x.yaml:1: missing key 'densities'; expected a list, such as [0.1, 0.5]",
        ),
        (
            "exclude: {shape: [64, 32]}\n",
            "x.yaml:3: shape does not go with a file; expected tensor",
        ),
    ],
)
def test_keys_that_do_not_go_with_a_file_are_refused(refused, more, said):
    assert refused(TEXT + more) == said


def test_a_pattern_of_generated_matrices_is_refused_for_a_file(refused):
    said = refused(TEXT + "densities: 0.5\npatterns: [magnitude, uniform]\n")
    assert said.startswith("x.yaml:4: ")
    assert "'uniform'" in said


def test_a_source_that_is_not_there_is_refused_at_its_line(refused):
    assert refused(TEXT.replace("w.s", "v.s")).startswith("x.yaml:1: source v.safetensors: ")


def test_a_source_that_is_not_there_is_refused_as_the_override_that_named_it(refused):
    said = refused(TEXT, ["source=v.safetensors"])
    assert said.startswith("--set source=v.safetensors: source v.safetensors: ")


def test_a_glob_that_matches_no_tensor_is_refused_at_its_line(refused):
    said = refused(TEXT + "tensors:\n  - a.*\n  - c.*\n")
    assert said.startswith("x.yaml:5: w.safetensors: no tensor matches 'c.*'")
