"""The matrix of a problem: generated, or read and pruned; and what importing this costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from toy_network import train, write_safetensors

from spmvbench.dtypes import DTYPES
from spmvbench.errors import ExperimentError, SourceError
from spmvbench.problems import Problem, build, count_nonzero, tensors
from spmvbench.problems.patterns import generate
from spmvbench.problems.prune import prune

WEIGHT_DTYPES = ("float16", "bfloat16", "float32")


@pytest.fixture(scope="module")
def trained() -> tuple[dict[str, np.ndarray], list[float]]:
    return train()


@pytest.fixture(scope="module")
def network(trained, tmp_path_factory) -> Path:
    return write_safetensors(tmp_path_factory.mktemp("network") / "w.safetensors", trained[0])


def test_a_problem_without_a_source_is_generated():
    problem = Problem(30, 40, 0.5, "bfloat16", "exact")
    np.testing.assert_array_equal(build(problem), generate(problem), strict=True)


@pytest.mark.parametrize("dtype", WEIGHT_DTYPES)
def test_a_problem_with_a_source_is_rounded_and_then_pruned(tmp_path, dtype):
    matrix = np.array([[1.0, 1.0001, -3.0, 0.5]], np.float32)  # float16: the first two are equal
    path = write_safetensors(tmp_path / "m.safetensors", {"w": matrix})
    problem = Problem(1, 4, 0.5, dtype, "magnitude", source=str(path), tensor="w")
    expected = prune(matrix.astype(DTYPES[dtype]), 0.5, "magnitude")
    np.testing.assert_array_equal(build(problem), expected, strict=True)


def test_a_stored_matrix_is_taken_as_it_is(tmp_path):
    matrix = np.array([[0, 2], [-0.0, np.nan]], np.float32)
    np.save(tmp_path / "m.npy", matrix)
    problem = Problem(2, 2, None, "float32", "stored", source=str(tmp_path / "m.npy"), tensor="m")
    np.testing.assert_array_equal(build(problem), matrix, strict=True)


def test_a_file_that_changed_its_shape_is_refused(tmp_path):
    np.save(tmp_path / "m.npy", np.ones((2, 3)))
    path = str(tmp_path / "m.npy")
    with pytest.raises(SourceError, match="tensor 'm' is 2x3, expected 3x2 as planned"):
        build(Problem(3, 2, None, "float32", "stored", source=path, tensor="m"))


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (Problem(2, 4, 0.5, pattern="odd"), "2x4/d0.5/float16/odd/b1/s47: unknown pattern 'odd'"),
        (Problem(2, 4, 0.3, pattern="2:4"), "pattern 2:4 at density 0.3, expected density 0.5"),
        (Problem(2, 4, None), "dstored/float16/uniform/b1/s47: density is None, expected above 0"),
    ],
)
def test_a_pattern_that_cannot_be_made_is_refused(problem, reason):
    with pytest.raises(ExperimentError) as caught:
        build(problem)
    assert reason in str(caught.value)


@pytest.mark.parametrize("pattern", ["magnitude", "magnitude-row"])
@pytest.mark.parametrize("density", [0.5, 0.3, 0.1])
def test_a_trained_network_is_pruned_to_the_exact_count(network, pattern, density):
    for tensor in tensors(str(network), "*.weight"):
        problem = Problem(
            tensor.rows,
            tensor.cols,
            density,
            "float16",
            pattern,
            source=str(network),
            tensor=tensor.name,
        )
        per_row = tensor.rows * round(density * tensor.cols)
        expected = per_row if pattern == "magnitude-row" else round(density * problem.elements)
        assert count_nonzero(build(problem)) == expected


def test_the_toy_network_learns(trained):
    losses = trained[1]
    assert losses[-1] < 0.1 < losses[0]


def test_the_toy_network_has_two_layers(network):
    assert [(t.name, t.rows, t.cols) for t in tensors(str(network))] == [
        ("layers.0.weight", 256, 128),
        ("layers.1.weight", 128, 256),
    ]


@pytest.mark.parametrize("dtype", [*WEIGHT_DTYPES, "float64"])
def test_neither_zero_counts_and_nan_does(dtype):
    dense = np.array([[0.0, -0.0, 1.0], [np.nan, -np.inf, -1e-4]], DTYPES[dtype])
    assert count_nonzero(dense) == 4


def test_a_part_of_a_matrix_is_counted():
    dense = np.ones((300, 400), np.float16)
    dense[:, 7] = 0
    assert count_nonzero(dense[:, 5:10]) == 1200


def test_no_elements_have_no_nonzeros():
    assert count_nonzero(np.zeros((0, 5), np.float16)) == 0


def heavy_imports(code: str) -> set[str]:
    """Which of the packages that take long to import a fresh process has after the code."""
    watched = "{'numpy', 'scipy', 'psutil', 'ml_dtypes', 'numba', 'pandas'}"
    code = f"import sys\n{code}\nprint(*{watched} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(out.stdout.split())


def test_naming_a_problem_imports_nothing_heavy():
    assert heavy_imports("from spmvbench.problems import Problem, build, count_nonzero") == set()


def test_generating_imports_numpy_only():
    code = "from spmvbench.problems import Problem, build; build(Problem(2, 3, 0.5))"
    assert heavy_imports(code) == {"numpy", "ml_dtypes"}


def test_reading_safetensors_does_not_import_scipy(network):
    code = f"from spmvbench.problems import tensors; tensors({str(network)!r})"
    assert heavy_imports(code) == {"numpy", "ml_dtypes"}


def test_build_is_the_function_whatever_is_imported_first():
    code = """
import spmvbench.problems.build
from spmvbench.problems import build
from spmvbench.problems.build import build as other
assert callable(build) and build is other"""
    assert heavy_imports(code) == set()


def test_the_package_gives_every_name_it_lists():
    code = "from spmvbench import problems\nfor n in problems.__all__: getattr(problems, n)"
    assert heavy_imports(code) == {"numpy", "ml_dtypes"}


def test_the_package_has_no_other_names():
    from spmvbench import problems

    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        problems.nothing  # noqa: B018
