import subprocess
import sys

import pytest

from spmvbench import experiment
from spmvbench.case import Timing
from spmvbench.errors import ExperimentError
from spmvbench.experiment import expand, matrix
from spmvbench.problems.base import Problem

GOOD = "formats: [macko, csr16]\nshapes: [[64, 32]]\ndensities: [0.5]\n"


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Loads an experiment from its text."""
    monkeypatch.chdir(tmp_path)

    def from_text(text, overrides=()):
        (tmp_path / "x.yaml").write_text(text)
        return experiment.load("x.yaml", overrides)

    return from_text


@pytest.fixture
def cases(load):
    """The cases of an experiment's text on a CPU with four cores."""
    return lambda text, overrides=(): load(text, overrides).cases("cpu", 4)


def keys(found):
    return [case.problem.key for case in found]


def test_formats_shapes_and_densities_suffice(cases):
    (case,) = cases(GOOD)
    assert case.problem == Problem(64, 32, 0.5)
    assert (case.experiment, case.formats) == ("x", ("macko", "csr16"))
    assert (case.cache, case.threads, case.timing) == ("cold", 4, Timing())


def test_single_values_stand_for_lists(cases):
    text = "formats: macko\nshapes: [64, 32]\ndensities: 0.5\nseeds: 1\nthreads: 2\ncache: hot\n"
    (case,) = cases(text)
    assert (case.problem.seed, case.threads, case.cache) == (1, 2, "hot")


def test_every_combination_is_a_case_and_formats_share_it(cases):
    found = cases(
        "formats: [macko, csr16, dense-f16]\nshapes: [[64, 32], [32, 64]]\n"
        "densities: [0.1, 0.5, 1]\npatterns: [uniform, exact]\ndtypes: [float16, bfloat16]\n"
        "batch: [1, 4]\ncache: [cold, hot]\nthreads: [1, 2]\nseeds: [1, 2]\n"
    )
    assert len(found) == 2 * 3 * 2 * 2 * 2 * 2 * 2 * 2
    assert len(set(found)) == len(found)
    assert {case.formats for case in found} == {("macko", "csr16", "dense-f16")}


def test_shapes_are_outermost_then_densities_and_seeds_vary_first(cases):
    text = "formats: macko\nshapes: [[64, 32], [8, 8]]\ndensities: [0.5, 0.1]\nseeds: [1, 2]\n"
    assert keys(cases(text))[:5] == [
        "64x32/d0.5/float16/uniform/b1/s1",
        "64x32/d0.5/float16/uniform/b1/s2",
        "64x32/d0.1/float16/uniform/b1/s1",
        "64x32/d0.1/float16/uniform/b1/s2",
        "8x8/d0.5/float16/uniform/b1/s1",
    ]


@pytest.mark.parametrize(
    ("densities", "values"),
    [
        ("{start: 0.1, stop: 1, step: 0.1}", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]),
        ("{start: 0.1, stop: 0.7, step: 0.1}", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]),
        ("{start: 0.05, stop: 0.3, step: 0.1}", [0.05, 0.15, 0.25]),
        ("{start: 0.2, stop: 0.8, num: 3}", [0.2, 0.5, 0.8]),
        ("{start: 0.5, stop: 0.5, num: 2}", [0.5]),
        ("[1e-1, .5, 1]", [0.1, 0.5, 1]),
        ("[0.5, 0.50, 0.1]", [0.5, 0.1]),
        ("[0.33333333]", [0.333333]),
    ],
)
def test_densities_are_what_one_would_type(cases, densities, values):
    found = cases(f"formats: macko\nshapes: [64, 32]\ndensities: {densities}\n")
    assert [case.problem.density for case in found] == values


def test_plain_scalars_are_read_as_yaml_1_2(cases):
    (case,) = cases("formats: macko\nshapes: [1e2, 0x40]\ndensities: 0.5\npatterns: 2:4\n")
    assert case.problem == Problem(100, 64, 0.5, pattern="2:4")


def test_a_preset_stands_for_its_distinct_sizes_with_labels_and_counts(cases):
    found = cases("formats: macko\nshapes: llama2-7b\ndensities: 0.5\n")
    labels = [(c.problem.rows, c.problem.cols, c.problem.tensor, c.problem.count) for c in found]
    assert labels == [
        (4096, 4096, "q_proj,k_proj,v_proj,o_proj", 128),
        (11008, 4096, "gate_proj,up_proj", 64),
        (4096, 11008, "down_proj", 32),
    ]
    assert {case.problem.model for case in found} == {"llama2-7b"}


def test_shapes_presets_and_parts_of_presets_may_be_mixed(cases):
    found = cases(
        "formats: macko\ndensities: 0.5\n"
        "shapes: [[64, 32], {preset: mistral-7b, layers: '[qk]_proj'}, {preset: opt-1.3b}]\n"
    )
    sizes = [(case.problem.rows, case.problem.cols) for case in found]
    assert sizes == [(64, 32), (4096, 4096), (1024, 4096), (2048, 2048), (8192, 2048), (2048, 8192)]


def test_equal_sizes_of_two_models_are_one_problem_with_both_labels(cases):
    found = cases(
        "formats: macko\ndensities: 0.5\nshapes: [{preset: llama2-7b, layers: q*}, [64, 32], "
        "{preset: mistral-7b, layers: o*}, [64, 32]]\n"
    )
    merged = Problem(
        4096, 4096, 0.5, model="llama2-7b,mistral-7b", tensor="q_proj,o_proj", count=64
    )
    assert [case.problem for case in found] == [merged, Problem(64, 32, 0.5)]


def test_all_threads_and_their_number_are_one_case(cases):
    found = cases(GOOD + "threads: [1, 4, all]\n")
    assert [case.threads for case in found] == [1, 4]


def test_threads_make_no_difference_on_a_gpu(load):
    found = load(GOOD + "threads: [1, 16, all]\n").cases("cuda", 4)
    assert [case.threads for case in found] == [0]


def test_what_is_too_large_for_a_device_is_left_out_there_and_counted(load):
    text = "formats: macko\nshapes: [[8, 8], [64, 32], [64, 64]]\ndensities: [0.1, 0.5]\n"
    found = load(text + "max_elements: {cpu: 2048}\n")
    assert {case.problem.rows for case in found.cases("cpu", 4)} == {8, 64}
    assert len(found.cases("cpu", 4)) == 4
    assert (found.left_out("cpu"), found.left_out("cuda")) == (1, 0)
    assert len(found.cases("cuda", 4)) == 6


def test_what_is_left_out_may_be_larger_than_memory(load, monkeypatch):
    monkeypatch.setattr(expand, "_memory_bytes", lambda: 2**20)
    text = "formats: macko\nshapes: [[64, 32], [4096, 4096]]\ndensities: 0.5\n"
    assert len(load(text + "max_elements: {cpu: 2048}\n").cases("cpu", 4)) == 1
    with pytest.raises(ExperimentError, match=r"^x\.yaml:2: a 4096x4096 matrix takes 0\.0 GiB"):
        load(text).cases("cpu", 4)


def test_memory_is_counted_in_the_dtype(load, monkeypatch):
    monkeypatch.setattr(expand, "_memory_bytes", lambda: 2 * 2 * 64 * 32)
    assert load(GOOD).cases("cpu", 4)
    with pytest.raises(ExperimentError, match="dense in float32"):
        load(GOOD + "dtypes: float32\n").cases("cpu", 4)


def test_the_limit_is_on_cases_however_many_formats_they_have(load, monkeypatch):
    monkeypatch.setattr(matrix, "MOST_CASES", 10)
    text = GOOD + "seeds: [1, 2, 3, 4, 5]\n"
    assert len(load(text + "batch: [1, 2]\n").cases("cpu", 4)) == 10
    with pytest.raises(ExperimentError, match=r"15 cases \(3 batch x 5 seeds\); .* at most 10$"):
        load(text + "batch: [1, 2, 3]\n").cases("cpu", 4)


def test_timing_keeps_what_is_not_said(load):
    timing = load(GOOD + "timing: {budget_s: 0.2}\n").timing
    assert timing == Timing(budget_s=0.2)


def test_an_override_changes_one_key_and_keeps_the_others(load):
    found = load(GOOD + "timing: {budget_s: 3, precision: 0.1}\n", ["timing.budget_s=0.2"])
    assert found.timing == Timing(budget_s=0.2, precision=0.1)


def test_an_override_replaces_a_list_whole(cases):
    found = cases(GOOD, ["densities=[0.1, 0.2]", "formats=macko"])
    assert [case.problem.density for case in found] == [0.1, 0.2]
    assert {case.formats for case in found} == {("macko",)}


def test_the_last_override_wins(load):
    assert load(GOOD, ["timing.budget_s=9", "timing={precision: 0.1}"]).timing == Timing(
        precision=0.1
    )


def test_null_removes_a_key(cases):
    assert len(cases(GOOD + "seeds: [1, 2]\n", ["seeds=null"])) == 1


def test_the_name_is_the_files_unless_it_says_so(load):
    assert load(GOOD).name == "x"
    found = load(GOOD + "name: mine\ndescription: Why?\n")
    assert (found.name, found.description) == ("mine", "Why?")


def test_formats_are_listed_once_those_of_include_last(load):
    text = "formats: [macko, csr16, macko]\nshapes: [64, 32]\ndensities: 0.5\n"
    found = load(text + "include: {format: dense-f16, density: 0.1}\n")
    assert found.formats == ("macko", "csr16", "dense-f16")


def test_a_format_file_is_found_in_the_working_directory_first_then_beside_the_experiment(
    tmp_path, monkeypatch
):
    beside = tmp_path / "sweeps"
    beside.mkdir()
    (beside / "x.yaml").write_text(GOOD.replace("csr16", "mine.py:Mine"))
    (beside / "mine.py").touch()
    monkeypatch.chdir(tmp_path)
    assert experiment.load("sweeps/x.yaml").formats == ("macko", "sweeps/mine.py:Mine")
    (tmp_path / "mine.py").touch()
    assert experiment.load("sweeps/x.yaml").formats == ("macko", "mine.py:Mine")


def test_a_format_file_may_be_excluded_as_it_is_written(tmp_path, monkeypatch):
    beside = tmp_path / "sweeps"
    beside.mkdir()
    (beside / "mine.py").touch()
    text = GOOD.replace("csr16", "mine.py:Mine").replace("[0.5]", "[0.5, 0.9]")
    (beside / "x.yaml").write_text(text + "exclude: {format: 'mine.py:Mine', density: 0.9}\n")
    monkeypatch.chdir(tmp_path)
    first, second = experiment.load("sweeps/x.yaml").cases("cpu", 4)
    assert first.formats == ("macko", "sweeps/mine.py:Mine")
    assert second.formats == ("macko",)


@pytest.mark.parametrize(
    "more",
    [
        "",
        "densities: {start: 0.1, stop: 0.9, step: 0.2}\n",
        "densities: 0.5\nseeds: 3\ninclude: [{cache: hot}, {density: 0.7, format: macko}]\n",
        "densities: [0.5, 0.1]\nexclude: {density: 0.1}\nmax_elements: {cpu: 5000}\nthreads: all\n",
    ],
)
def test_the_canonical_text_gives_the_same_cases_again(load, more):
    text = "formats: [macko, csr16]\nshapes: [[64, 32], {preset: opt-1.3b, layers: fc*}]\n"
    first = load(text + (more or "densities: 0.5\n"), ["timing.budget_s=0.2", "shapes=[64, 32]"])
    again = load(first.canonical)
    assert again.cases("cpu", 4) == first.cases("cpu", 4)
    assert again.canonical == first.canonical


def test_the_canonical_text_says_all_of_timing(load):
    assert "timing: {budget_s: 1.0, precision: 0.02, min_samples: 30" in load(GOOD).canonical


@pytest.mark.parametrize("start", ["\ufeff", "---\n", "# why\n\n"])
def test_what_editors_put_before_the_first_key_is_skipped(cases, start):
    assert len(cases(start + GOOD.replace("\n", "\r\n"))) == 1


def test_the_canonical_text_does_not_depend_on_how_the_file_is_written(load):
    short = load("formats: macko\nshapes: [64, 32]\ndensities: 0.5 # half\n")
    long = load("densities:\n- 5e-1\nshapes:\n- [64, 32]\nformats:\n- macko\nname: x\n")
    assert short.canonical == long.canonical


def test_reading_an_experiment_imports_nothing_slow(tmp_path):
    (tmp_path / "x.yaml").write_text(GOOD)
    code = (
        "import sys\nfrom spmvbench import experiment\n"
        "experiment.load('x.yaml').cases('cpu', 1)\nexperiment.json_schema()\n"
        "slow = {'numba', 'scipy', 'pandas', 'matplotlib', 'torch', 'cupy'} & set(sys.modules)\n"
        "sys.exit(f'imported {slow}' if slow else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stderr == ""
    assert done.returncode == 0
