"""The script that makes the table by which `auto` chooses on a GPU: from records, and predicted."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest
from test_formats import uniform

from spmvbench import experiment
from spmvbench.cuda.choices import Line, Product, read, table, times_us
from spmvbench.formats import resolve
from spmvbench.problems.base import Problem
from spmvbench.record import Record
from spmvbench.records import Results

FOLDER = Path(__file__).parent / "gpu"
ROW = Record(
    experiment="auto_cuda",
    device="gpu-a",
    environment="1f",
    dtype="float16",
    pattern="uniform",
    cache="cold",
    threads=0,
    batch=1,
    status="ok",
)
PREDICTED = Line("gpu-a", 100, 16, 1, "bitmap", 64, 64, 0.5, 9.0, "predicted")


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("gpu_choices", FOLDER / "choices.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Folder:
    """A results folder to write rows into."""

    def __init__(self, path):
        self.path = path
        with Results(path) as results:
            results.note_environment("1f", {"device": "GPU A", "multiprocessors": 100})

    def add(self, name, us, density=0.5, shape=(64, 64), **columns):
        made = {key: columns[key] for key in ("batch", "dtype", "seed") if key in columns}
        row = replace(
            ROW,
            format=name,
            key=Problem(*shape, density, **made).key,
            rows=shape[0],
            cols=shape[1],
            density=density,
            median_us=us,
        )
        with Results(self.path) as results:
            results.append(replace(row, **columns))
        return self


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "results")


@pytest.fixture
def made(script, tmp_path):
    """The table that the script makes of a results folder; `before`: the lines it had."""

    def of(folder, before=()):
        out = tmp_path / "table.csv"
        if before:
            script.write(before, out)
        assert script.main([str(folder.path), "--out", str(out)]) == 0
        return read(out)

    return of


def test_records_are_the_table_and_come_back_as_times(folder, made):
    folder.add("macko", 12.345).add("bitmap", 9.5).add("macko", 3.25, density=0.1)
    lines = made(folder)
    assert lines[0] == Line(
        "gpu-a", 100, 16, 1, "bitmap", 64, 64, 0.5, 9.5, "measured auto_cuda 1f"
    )
    assert times_us(Product("gpu-a", 100, 16, 1, 64, 64, 0.5), lines) == {
        "bitmap": pytest.approx(9.5),
        "macko": pytest.approx(12.345, rel=1e-3),
    }


@pytest.mark.parametrize(
    "columns",
    [
        {"status": "wrong"},
        {"cache": "hot"},
        {"threads": 2},
        {"pattern": "2:4"},
        {"format": "auto", "layout": "macko"},
        {"format": "dense-cublas"},
    ],
    ids=str,
)
def test_rows_that_say_nothing_about_a_choice_are_left_out(folder, made, columns):
    folder.add("macko", 5).add("csr16", 1, **columns)
    assert [line.format for line in made(folder)] == ["macko"]


def test_several_seeds_and_both_types_of_16_bits_are_one_line(folder, made):
    folder.add("macko", 5).add("macko", 6, seed=48).add("macko", 10, dtype="bfloat16")
    (line,) = made(folder)
    assert line.median_us == 6


def test_what_was_measured_replaces_what_was_predicted_of_its_group_only(folder, made):
    others = [replace(PREDICTED, batch=2), replace(PREDICTED, bits=32)]
    others.append(replace(PREDICTED, device="gpu-b"))
    lines = made(folder.add("macko", 5), before=[PREDICTED, *others])
    assert {line.format for line in lines if line.origin != "predicted"} == {"macko"}
    assert set(lines) - set(others) == {line for line in lines if line.format == "macko"}
    assert set(others) < set(lines)


def test_a_prediction_replaces_nothing_that_was_measured(script, tmp_path):
    out = tmp_path / "table.csv"
    measured = replace(PREDICTED, device="nvidia-h200", origin="measured auto_cuda 1f")
    script.write([measured, replace(PREDICTED, device="nvidia-h200", batch=2)], out)
    assert script.main(["--predicted", "--out", str(out)]) == 0
    lines = read(out)
    assert [line for line in lines if (line.bits, line.batch) == (16, 1)] == [measured]
    assert 9.0 not in {line.median_us for line in lines if line.batch == 2}


def test_the_same_records_make_the_same_table(folder, made):
    first = made(folder.add("macko", 5).add("bitmap", 6))
    assert made(folder, before=first) == first


def test_it_says_how_good_the_table_is_where_a_density_is_left_out(folder, made, capsys):
    for density, macko in ((0.1, 2), (0.3, 9), (0.5, 10)):
        folder.add("macko", macko, density).add("dense-f16", 8, density)
    made(folder)  # at 0.3 the others say 6 for macko, which takes 9
    out = capsys.readouterr().out
    assert "gpu-a, 16 bits, batch 1: measured, 6 lines, 2 formats" in out
    assert "without the density: 1 of 1 below 0.97 of the best," in out
    assert "the worst 0.89, 64 x 64, density 0.3" in out


def test_a_folder_without_times_of_a_gpu_is_an_error(script, folder, tmp_path, capsys):
    folder.add("macko", 5, threads=2)
    assert script.main([str(folder.path), "--out", str(tmp_path / "t.csv")]) == 2
    assert "no cold times of a GPU of macko-fast" in capsys.readouterr().err
    assert not (tmp_path / "t.csv").exists()


def test_a_folder_that_is_not_there_is_an_error(script, tmp_path, capsys):
    assert script.main([str(tmp_path / "none"), "--out", str(tmp_path / "t.csv")]) == 2
    assert "there is no such file or folder" in capsys.readouterr().err


def test_records_whose_environment_is_lost_are_an_error(script, folder, tmp_path, capsys):
    folder.add("macko", 5, environment="2e")
    assert script.main([str(folder.path), "--out", str(tmp_path / "t.csv")]) == 2
    assert "environment 2e has no multiprocessors" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["--predicted", "results"]])
def test_either_results_or_a_prediction_is_asked_for(script, words, capsys):
    with pytest.raises(SystemExit) as stopped:
        script.main(words)
    assert stopped.value.code == 2
    assert "either results folders or --predicted" in capsys.readouterr().err


# Figures of docs/gpu-kernels.md: what is predicted there is what the table has.


@pytest.mark.parametrize(
    ("shape", "density", "name", "us"),
    [
        ((4096, 4096), 0.5, "dense-f16", 11.2),
        ((12288, 12288), 0.5, "dense-f16", 76.9),
        ((4096, 4096), 0.5, "macko-fast", 8.1),
        ((12288, 12288), 0.5, "macko-fast", 49),
        ((12288, 12288), 0.1, "macko-fast", 14.3),
        ((4096, 4096), 0.5, "slab4", 8.2),
        ((12288, 12288), 0.5, "slab4", 49.3),
        ((12288, 12288), 0.1, "slab5", 13.1),
        ((12288, 12288), 0.05, "slab6", 8.4),
        ((11008, 4096), 0.5, "slab-bitmap", 15.6),
        ((12288, 12288), 0.5, "slab-bitmap", 44.8),
    ],
)
def test_the_prediction_is_that_of_the_documentation(script, shape, density, name, us):
    assert script.predicted_us(name, Problem(*shape, density)) == pytest.approx(us, rel=0.01)


def test_what_the_package_has_of_predicted_times_is_what_the_script_predicts(script):
    for line in (line for line in table() if line.origin == "predicted"):
        dtype = "float16" if line.bits == 16 else "float32"
        problem = Problem(line.rows, line.cols, line.density, dtype, batch=line.batch)
        assert line.median_us == pytest.approx(script.predicted_us(line.format, problem), rel=1e-3)


def test_more_vectors_never_take_less(script):
    for name in ("macko", "csr16", "bitmap", "dense-f16"):
        times = [script.predicted_us(name, Problem(4096, 4096, 0.3, batch=b)) for b in (1, 2, 8)]
        assert times == sorted(times)


@pytest.mark.parametrize("name", ["slab4", "slab5", "slab6"])
@pytest.mark.parametrize("density", [0.05, 0.1, 0.5])
def test_the_bytes_of_slabs_are_predicted_within_three_percent(script, name, density):
    from predicted import stored_and_bytes

    packed = resolve(name).pack(uniform(96, 4096, density))
    _, nbytes = stored_and_bytes(name, Problem(96, 4096, density))
    assert nbytes == pytest.approx(packed.nbytes, rel=0.03)


def test_by_the_prediction_choices_for_other_shapes_are_at_least_97_percent_of_the_best(script):
    densities = (0.02, 0.075, 0.15, 0.25, 0.4, 0.6, 0.8, 0.95)
    lines = [line for line in script.predicted() if (line.bits, line.batch) == (16, 1)]
    for case in experiment.load("shape_sweep", ["densities=0.5"]).cases("cuda", 1):
        for density in densities:
            problem = replace(case.problem, density=density)
            us = {name: script.predicted_us(name, problem) for name in script.WORK}
            product = Product("nvidia-h200", 132, 16, 1, problem.rows, problem.cols, density)
            assert min(us.values()) >= 0.97 * us[next(iter(times_us(product, lines)))], problem.key


def test_all_that_is_predicted_is_predicted_for_every_problem_of_the_experiment(script):
    lines = list(script.predicted())
    dense = [x for x in lines if x.format == "dense-f16"]
    places = {(x.bits, x.batch, x.rows, x.cols, x.density) for x in lines}
    assert len(dense) == len(places) == 8 * 9 * 5
    assert {x.origin for x in lines} == {"predicted"}
    assert {x.format for x in lines if x.bits == 32} == {"macko", "csr16", "bitmap", "dense-f16"}
