"""Every bad experiment file with the one line that it gets."""

import pytest

from spmvbench import experiment
from spmvbench.errors import ExperimentError
from spmvbench.experiment import document, expand
from spmvbench.problems.patterns import check_pattern

GOOD = "formats: [macko]\nshapes: [[64, 64]]\ndensities: [0.5]\n"

TOP = (
    "name, description, formats, suite, external, shapes, source, tensors, densities, patterns, "
    "dtypes, batch, cache, threads, seeds, exclude, include, timing, max_elements, targets, "
    "target_scale"
)
ENTRY = "shape, tensor, density, pattern, dtype, batch, cache, threads, seed, format"
PRESETS = (
    "llama2-7b, llama2-13b, llama2-70b, llama3-8b, llama3-70b, llama3.2-1b, mistral-7b, "
    "qwen2.5-7b, gemma2-9b, phi-3-mini, opt-1.3b, opt-13b"
)
LAYERS = "q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj"
DENSITY = "expected a number above 0 and at most 1"
SIZE = "expected a whole number from 1 to 2147483647"
SHAPE = "expected [rows, cols], or the name of a preset, such as 'llama2-7b'"
NAME = "expected letters, digits, '.', '_' and '-': it names the results folder"
EMPTY = "the file is empty; expected at least formats, shapes, densities"
ONE = "expected at least one value"
SOME = "expected a value or a list of values"

# A line put after the good ones -> what is said of it, being line 4.
ADDED = {
    "foo: 1": f"unknown key 'foo'; expected one of {TOP}",
    "1: 1": f"unknown key '1'; expected one of {TOP}",
    "seed: 1": f"unknown key 'seed'; did you mean 'seeds'? Expected one of {TOP}",
    "seeds: []": f"seeds is an empty list; {ONE}",
    "seeds:": f"seeds is nothing; {SOME}",
    "seeds: -1": "seeds is -1; expected a whole number from 0 to 2^63 - 1",
    "seeds: [1, 1.5]": "seeds[1] is 1.5; expected a whole number from 0 to 2^63 - 1",
    "batch: 0": "batch is 0; expected a whole number from 1 to 64",
    "batch: 65": "batch is 65; expected a whole number from 1 to 64",
    "batch: [1, true]": "batch[1] is true; expected a whole number from 1 to 64",
    "threads: 0": "threads is 0; expected a whole number of 1 or more, or 'all'",
    "threads: [1, al]": "threads[1] is 'al'; expected a whole number of 1 or more, or 'all'",
    "threads: [1, 3]": "threads is 3; expected at most 2, the cores of this machine, or 'all'",
    "cache: warm": "cache is 'warm'; expected 'cold' or 'hot'",
    "cache: on": "cache is 'on'; expected 'cold' or 'hot'",
    "dtypes: [float64]": "dtypes[0] is 'float64'; expected 'float16', 'bfloat16' or 'float32'",
    "patterns: [124]": "patterns[0] is 124; expected the name of a pattern, such as 'uniform' or "
    "'2:4'",
    "patterns: stored": "pattern stored is for matrices of a file; expected a 'source' too",
    "timing: 5": "timing is 5; expected a mapping: {key: value}",
    "timing:": "timing is nothing; expected a mapping: {key: value}",
    "timing: {budgt_s: 1}": "unknown key 'budgt_s'; did you mean 'budget_s'? Expected one of "
    "budget_s, precision, min_samples, timeout_s",
    "timing: {budget_s: 0}": "timing.budget_s is 0; expected a number of seconds above 0 and at "
    "most 86400",
    "timing: {budget_s: fast}": "timing.budget_s is 'fast'; expected a number of seconds above 0 "
    "and at most 86400",
    "timing: {timeout_s: .inf}": "timing.timeout_s is inf; expected a number of seconds above 0 "
    "and at most 86400",
    "timing: {precision: 2}": "timing.precision is 2; expected a share above 0 and below 1, such "
    "as 0.02 for 2 %",
    "timing: {min_samples: 1}": "timing.min_samples is 1; expected a whole number from 5 to 100000",
    "max_elements: 5": "max_elements is 5; expected a mapping: {key: value}",
    "max_elements: {gpu: 1}": "unknown key 'gpu'; did you mean 'cpu'? Expected one of cpu, cuda",
    "max_elements: {cpu: -1}": "max_elements.cpu is -1; expected a whole number of 1 or more",
    "max_elements: {cpu: 100}": "max_elements.cpu is 100, below every size; expected a larger one",
    "name: ../evil": f"name is '../evil'; {NAME}",
    "name: 5": f"name is 5; {NAME}",
    "name: ''": f"name is ''; {NAME}",
    "description: [a]": "description is ['a']; expected text",
    "tensors: x": "tensors are those of a file; expected a 'source' too",
    "exclude: []": f"exclude is an empty list; {ONE}",
    "exclude: [{}]": f"exclude[0]: names nothing; expected some of {ENTRY}",
    "exclude: {densities: 0.5}": "unknown key 'densities'; did you mean 'density'? Expected one "
    f"of {ENTRY}",
    "exclude: {density: 0.6}": "exclude matches no combination: none has density 0.6",
    "exclude: {shape: [64, 65]}": "exclude matches no combination: none has shape [64, 65]",
    "exclude: {tensor: x}": "tensor does not go with shapes; expected shape",
    "exclude: {density: 0.5}": "exclude leaves nothing to measure",
    "include: 5": "include is 5; expected a mapping: {key: value}",
    "include: {shape: [8]}": "include.shape is [8]; expected [rows, cols]",
    "include: [{density: 0.5}]": "include changes nothing: its combinations are measured without "
    "it",
    "include: {threads: 8}": "threads is 8; expected at most 2, the cores of this machine, or "
    "'all'",
    "include: {shape: [200000, 200000]}": "a 200000x200000 matrix takes 74.5 GiB dense in "
    "float16; expected at most 8.0 GiB, half of this machine's memory",
}

# Values of densities, in line 3.
DENSITIES = {
    "[]": f"densities is an empty list; {ONE}",
    "": f"densities is nothing; {SOME}",
    "0": f"densities is 0; {DENSITY}",
    "-0.1": f"densities is -0.1; {DENSITY}",
    "[0.5, 1.5]": f"densities[1] is 1.5; {DENSITY}",
    ".nan": f"densities is nan; {DENSITY}",
    "[.inf]": f"densities[0] is inf; {DENSITY}",
    "high": f"densities is 'high'; {DENSITY}",
    "'0.5'": f"densities is '0.5'; {DENSITY}",
    "50 %": f"densities is '50 %'; {DENSITY}",
    "[yes]": f"densities[0] is 'yes'; {DENSITY}",
    "true": f"densities is true; {DENSITY}",
    "[[0.1]]": f"densities[0] is [0.1]; {DENSITY}",
    "{start: 0.1}": "missing key 'densities.stop'; expected the last density, at least `start`",
    "{start: 0.1, stop: 1}": "densities: expected either step or num beside start and stop",
    "{start: 0.1, stop: 1, step: 0.1, num: 3}": "densities: expected either step or num beside "
    "start and stop",
    "{start: 0.1, stop: 1, num: 1}": "densities: num is 1; expected 2 or more",
    "{start: 0.1, stop: 1, num: 0}": "densities.num is 0; expected a whole number of 1 or more",
    "{start: 0.1, stop: 1, step: 0}": f"densities.step is 0; {DENSITY}",
    "{start: 0.1, stop: 0.05, step: 0.1}": "densities: stop 0.05 is below start 0.1",
    "{start: 0.1, stop: 1, step: 1e-6}": "densities: 900,001 densities; expected at most 100,000",
    "{start: 0.1, stop: 1, stp: 0.1}": "unknown key 'stp'; did you mean 'stop'? Expected one of "
    "start, stop, step, num",
}

# Values of shapes, in line 2.
SHAPES = {
    "[]": f"shapes is an empty list; {ONE}",
    "": f"shapes is nothing; {SOME}",
    "4096": f"shapes is 4096; {SHAPE}",
    "[null]": f"shapes[0] is nothing; {SHAPE}",
    "[[4096]]": "shapes[0] is [4096]; expected [rows, cols]",
    "[[8, 8, 8]]": "shapes[0] is [8, 8, 8]; expected [rows, cols]",
    "[[4096, -1]]": f"shapes[0][1] is -1; {SIZE}",
    "[[0, 64]]": f"shapes[0][0] is 0; {SIZE}",
    "[[64.5, 64]]": f"shapes[0][0] is 64.5; {SIZE}",
    "[['64', 64]]": f"shapes[0][0] is '64'; {SIZE}",
    "[[64, 2147483648]]": f"shapes[0][1] is 2147483648; {SIZE}",
    "[64x64]": f"shapes[0]: unknown preset '64x64'; presets: {PRESETS}",
    "lama2-7b": "shapes: unknown preset 'lama2-7b'; did you mean 'llama2-7b'? Presets: " + PRESETS,
    "{layers: q_proj}": "missing key 'shapes.preset'; expected the model",
    "{preset: llama2-7b, layer: x}": "unknown key 'layer'; did you mean 'layers'? Expected one of "
    "preset, layers",
    "[{preset: llama2-7b, layers: fc1}]": "shapes[0]: 'fc1' matches no layer of llama2-7b; its "
    f"layers: {LAYERS}",
    "[[2000000, 2000000]]": "a 2000000x2000000 matrix takes 7,450.6 GiB dense in float16; "
    "expected at most 8.0 GiB, half of this machine's memory",
}

# Whole files -> line and message.
FILES = {
    "": f"1: {EMPTY}",
    "# only a comment\n": f"1: {EMPTY}",
    "~\n": f"1: {EMPTY}",
    "- macko\n": "1: the file holds a list; expected lines of 'key: value'",
    "\nhello\n": "2: the file holds 'hello'; expected lines of 'key: value'",
    "shapes: [[64, 64]]\ndensities: 0.5\n": "1: missing key 'formats'; expected a list, such as "
    "[macko, dense-f16]",
    "formats: macko\ndensities: 0.5\n": "1: missing key 'shapes' (or 'source', a file with "
    "matrices, or 'suite')",
    "formats: macko\nshapes: [[64, 64]]\n": "1: missing key 'densities'; expected a list, such as "
    "[0.1, 0.5]",
    "formats: macko\nshapes: [[64, 64]]\ndensity: 0.5\n": "3: unknown key 'density'; did you mean "
    f"'densities'? Expected one of {TOP}",
    "shapes: [64, 64]\ndensities: 0.5\nformat: macko\n": "3: unknown key 'format'; did you mean "
    f"'formats'? Expected one of {TOP}",
    GOOD + "cache:\n  warm\n": "4: cache is 'warm'; expected 'cold' or 'hot'",
    GOOD + "seeds: 1\nseeds: 2\n": "5: key 'seeds' stands twice; first in line 4",
    GOOD + "timing:\n  budget_s: 1\n  budget_s: 2\n": "6: key 'budget_s' stands twice; first in "
    "line 5",
    GOOD + "timing:\n  budget_s: 1\n  precision: 5\n": "6: timing.precision is 5; expected a share "
    "above 0 and below 1, such as 0.02 for 2 %",
    "formats:\n  - macko\nshapes:\n  - [64, 64]\n  - - 64\n    - -1\ndensities: 1\n": "6: "
    f"shapes[1][1] is -1; {SIZE}",
    "formats:\n  - macko\n  - 1\nshapes: 5\n": "3: formats[1] is 1; expected the name of a format, "
    "such as 'macko'",
    "formats: [macko\nshapes: [[64, 64]]\n": "2: not YAML: expected ',' or ']', but got ':' (while "
    "parsing a flow sequence begun in line 1)",
    "formats: macko: x\n": "1: not YAML: mapping values are not allowed here",
    "formats:\n\t- macko\n": "2: not YAML: found character '\\t' that cannot start any token",
    "external: {x: {command: ./p {mtx}}}\n": "1: not YAML: expected ',' or '}', but got '{'; put "
    "quotes around text with braces: 'program {mtx}'",
    "formats: 'macko\n": "2: not YAML: found unexpected end of stream (while scanning a quoted "
    "scalar begun in line 1)",
    "formats: [macko]\n  shapes: 4\n": "2: not YAML: its indentation fits no line above (while "
    "parsing a block mapping begun in line 1)",
    "formats: *x\n": "1: not YAML: found undefined alias 'x'",
    "formats: !!python/object:os.system [1]\n": "1: not YAML: could not determine a constructor "
    "for the tag 'tag:yaml.org,2002:python/object:os.system'",
    "formats: &a [*a]\n": "1: formats[0] is [[[[...]]]]; expected the name of a format, such as "
    "'macko'",
    "? [a]\n: b\n": "1: not YAML: found unhashable key",
    GOOD + "---\na: 1\n": "4: not YAML: expected a single document in the stream, but found "
    "another document",
    "formats: [macko]\nshapes: \x01\n": "2: not YAML: character '\\x01' is not allowed",
    "formats: " + "[" * 3000: "1: lists or mappings nested too deeply",
    "formats: macko\nshapes: [[64, 64]]\ndensities: {start: 0.01, stop: 1, num: 100}\nseeds: "
    + str(list(range(1001))): "4: 100,100 cases (100 densities x 1001 seeds); expected at most "
    "100,000",
}

SET = "expected key=value, for example --set densities=[0.1,0.5] or --set timing.budget_s=0.2"

OVERRIDES = {
    "densities": SET,
    "=5": SET,
    "a..b=1": SET,
    "foo=1": f"unknown key 'foo'; expected one of {TOP}",
    "foo=null": "there is no 'foo' to remove",
    "timing.budgt_s=1": "unknown key 'budgt_s'; did you mean 'budget_s'? Expected one of budget_s, "
    "precision, min_samples, timeout_s",
    "timing=5": "timing is 5; expected a mapping: {key: value}",
    "densities.0=0.5": "'densities' has no keys below it; set it whole: densities=...",
    "densities=[0.1,0.5": "not YAML: expected ',' or ']', but got '<stream end>'",
    "densities=[0.1,5]": f"densities[1] is 5; {DENSITY}",
    "densities=[]": f"densities is an empty list; {ONE}",
    "densities=null": "missing key 'densities'; expected a list, such as [0.1, 0.5]",
    "shapes=null": "missing key 'shapes' (or 'source', a file with matrices, or 'suite')",
    "formats=null": "missing key 'formats'; expected a list, such as [macko, dense-f16]",
    "name.x=1": f"name is {{'x': 1}}; {NAME}",
    "threads=5": "threads is 5; expected at most 2, the cores of this machine, or 'all'",
    "exclude={density: 0.6}": "exclude matches no combination: none has density 0.6",
}


@pytest.fixture(autouse=True)
def sixteen_gib(monkeypatch, tmp_path):
    monkeypatch.setattr(expand, "_memory_bytes", lambda: 16 * 2**30)
    monkeypatch.chdir(tmp_path)


def message(text, overrides=(), name="x.yaml"):
    with open(name, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ExperimentError) as caught:
        experiment.load(name, overrides).cases("cpu", 2)
    return str(caught.value)


@pytest.mark.parametrize(("line", "said"), ADDED.items(), ids=ADDED)
def test_a_bad_line_is_refused(line, said):
    assert message(f"{GOOD}{line}\n") == f"x.yaml:4: {said}"


@pytest.mark.parametrize(("value", "said"), DENSITIES.items(), ids=DENSITIES)
def test_bad_densities_are_refused(value, said):
    text = f"formats: [macko]\nshapes: [[64, 64]]\ndensities: {value}\n"
    assert message(text) == f"x.yaml:3: {said}"


@pytest.mark.parametrize(("value", "said"), SHAPES.items(), ids=SHAPES)
def test_bad_shapes_are_refused(value, said):
    text = f"formats: [macko]\nshapes: {value}\ndensities: 0.5\n"
    assert message(text) == f"x.yaml:2: {said}"


@pytest.mark.parametrize(("text", "said"), FILES.items(), ids=range(len(FILES)))
def test_a_bad_file_is_refused_with_its_line(text, said):
    assert message(text) == f"x.yaml:{said}"


@pytest.mark.parametrize(("override", "said"), OVERRIDES.items(), ids=OVERRIDES)
def test_a_bad_override_is_named_instead_of_a_line(override, said):
    assert message(GOOD, [override]) == f"--set {override}: {said}"


@pytest.mark.parametrize(
    "overrides",
    [
        ["timing.budget_s=9", "timing={budget_s: x}"],
        ["timing={budget_s: 1}", "timing.budget_s=x"],
        ["timing.budget_s=9", "timing={budget_s: 1}", "timing.budget_s=x"],
        ["timing={budget_s: x}", "timing.precision=0.1"],
    ],
)
def test_of_several_overrides_the_one_that_gave_the_value_is_named(overrides):
    (guilty,) = [override for override in overrides if "x" in override]
    assert message(GOOD, overrides).startswith(f"--set {guilty}: timing.budget_s is 'x'; ")


def test_a_mistake_in_the_file_is_not_blamed_on_an_override():
    text = GOOD + "timing: {budget_s: x}\n"
    assert message(text, ["timing.precision=0.1"]).startswith("x.yaml:4: timing.budget_s is 'x'")


def test_what_is_wrong_with_all_of_a_file_is_not_blamed_on_an_override():
    assert document.read(b"# why\nname: x\n", "x.yaml", ["batch=1"]).place(()) == "x.yaml:2"


def test_an_override_with_a_line_break_is_named_in_one_line():
    assert message(GOOD, ["name=a\n  b"]) == f"--set name=a   b: name is 'a b'; {NAME}"


def test_text_that_is_not_utf8_is_refused_with_its_line():
    said = "x.yaml:2: byte 0xe9 is not UTF-8 text; save it as UTF-8"
    assert message(b"formats: [macko]\n# \xe9\n") == said


def test_a_file_name_that_cannot_name_a_folder_is_refused():
    assert message(GOOD, name="my sweep.yaml") == f"my sweep.yaml:1: name is 'my sweep'; {NAME}"


@pytest.mark.parametrize(("pattern", "density"), [("unifrm", 0.5), ("2:4", 0.25), ("4:2", 0.5)])
def test_a_matrix_that_there_cannot_be_is_refused_at_its_pattern(pattern, density):
    text = f"formats: macko\nshapes: [[64, 64]]\ndensities: {density}\npatterns: [{pattern}]\n"
    assert message(text) == f"x.yaml:4: {check_pattern(pattern, density, 64)}"


@pytest.mark.parametrize("name", ["mako", "nofile.py:Foo"])
def test_an_unknown_format_is_refused_at_its_line(name):
    said = message(f"shapes: [[64, 64]]\ndensities: 0.5\nformats:\n  - macko\n  - {name}\n")
    assert said.startswith("x.yaml:5: ")
    assert f"format '{name}'" in said


def test_an_unknown_format_of_an_entry_is_refused_at_its_line():
    said = message(GOOD + "include:\n  - {density: 0.5,\n     format: mako}\n")
    assert said.startswith("x.yaml:6: unknown format 'mako'; did you mean 'macko'?")


def test_a_missing_file_is_refused_with_the_shipped_names():
    with pytest.raises(ExperimentError, match=r"^nofile\.yaml: there is no such file; shipped: .*"):
        experiment.load("nofile.yaml")


def test_a_misspelt_shipped_name_is_refused_with_the_nearest():
    said = r"^experiments/sparsity_swep\.yaml: there is no such file; did you mean 'sparsity_sweep'"
    with pytest.raises(ExperimentError, match=said):
        experiment.load("experiments/sparsity_swep.yaml")


def test_a_folder_is_refused_with_a_file_in_it(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "b.yaml").touch()
    with pytest.raises(ExperimentError) as caught:
        experiment.load("mine")
    assert str(caught.value) == "mine: is a folder; expected a YAML file, such as mine/b.yaml"


def test_a_file_that_cannot_be_read_is_refused(monkeypatch, tmp_path):
    def refuse(self):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "x.yaml").write_text(GOOD)
    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    with pytest.raises(ExperimentError) as caught:
        experiment.load("x.yaml")
    assert str(caught.value) == "x.yaml: cannot be read: Permission denied"
