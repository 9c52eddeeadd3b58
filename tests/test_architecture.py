"""The house rules that a machine can check: who may import whom, and how long things may get."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parent.parent
PACKAGE = TOP / "spmvbench"

FILE_LINES = 250
FUNCTION_LINES = 40

# From the ground up: a module imports only from its own room and from rooms above it in this list.
ROOMS = [
    {
        "__init__",
        "errors",
        "paths",
        "dtypes",
        "watch",
        "hashes",
        "throttle",
        "clock",
        "printed",
        "ending",
    },
    {"problems.base"},
    {"external.program"},
    {"case", "claim", "record", "theory", "guard"},
    {"formats.base"},
    {"cpu", "cuda", "slabs", "fence"},
    {"baselines", "formats", "plugin", "skeleton", "external", "torch_op", "outside"},
    {"problems"},
    {"stats", "shapes", "suites", "doctor"},
    {"devices"},
    {"api"},
    {"torch"},
    {"check"},
    {"upload"},
    {"contestant"},
    {"prepare", "external.run"},
    {"sampling", "overhead"},
    {"assemble", "battery", "grouping"},
    {"environment", "measure", "conformance", "predict", "launches"},
    {"worker", "process", "plan", "table", "records", "dates"},
    {"runner", "experiment", "listing", "judging"},
    {"plots", "curves", "winners", "summary", "targets", "compare", "published", "share", "advice"},
    {"report"},
    {"screen", "preview", "shard", "drawing", "checkpoint"},
    {"sweep", "gate"},
    {"cli"},
    {"__main__"},
]

# Everything that only reads results: it knows nothing of how they were measured.
READERS = {
    *("plots", "curves", "winners", "summary", "targets", "theory"),
    *("compare", "published", "share", "drawing", "report", "advice"),
}
READABLE = READERS | {
    "__init__",
    "claim",
    "dates",
    "record",
    "records",
    "table",
    "errors",
    "dtypes",
    "stats",
    "hashes",
    "suites",
    "ending",
}

HEAVY = {
    "numba",
    "scipy",
    "pandas",
    "matplotlib",
    "pydantic",
    "rich",
    "numpy",
    "yaml",
    "torch",
    "cupy",
    "jinja2",
}


def sources():
    return sorted([*PACKAGE.rglob("*.py"), *(TOP / "baselines").glob("*.py")])


def module(path):
    """`problems.base`, `plots.style`, `baselines.csr_scipy`; a package is its own name."""
    root = PACKAGE if path.is_relative_to(PACKAGE) else TOP
    parts = list(path.relative_to(root).with_suffix("").parts)
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    return ".".join(parts)


def room(name):
    for level, names in enumerate(ROOMS):
        if name in names:
            return level
    return next(i for i, names in enumerate(ROOMS) if name.partition(".")[0] in names)


# `spmvbench.macko`, imported when it is first used.
FRONT = {"__init__": {"api"}}


def imports(path):
    """Modules of this package that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("spmvbench"):
            base = node.module.removeprefix("spmvbench").lstrip(".")
            for alias in node.names:
                name = f"{base}.{alias.name}" if base else alias.name
                file = PACKAGE / Path(*name.split("."))
                is_module = file.with_suffix(".py").is_file() or (file / "__init__.py").is_file()
                found.add(name if is_module else base or "__init__")
        elif isinstance(node, ast.Import):
            found |= {
                a.name.removeprefix("spmvbench").lstrip(".") or "__init__"
                for a in node.names
                if a.name.split(".")[0] == "spmvbench"
            }
    return found


@pytest.mark.parametrize("path", sources(), ids=module)
def test_imports_go_downwards_only(path):
    mine = room(module(path))
    upwards = {name for name in imports(path) if room(name) > mine}
    upwards -= FRONT.get(module(path), set())
    assert not upwards, f"{path} imports {upwards} from above"


@pytest.mark.parametrize("path", sources(), ids=module)
def test_nothing_right_of_the_csv_knows_how_it_was_measured(path):
    if module(path).partition(".")[0] in READERS:
        assert {name.partition(".")[0] for name in imports(path)} <= READABLE


@pytest.mark.parametrize("path", sources(), ids=module)
def test_files_and_functions_stay_short(path):
    text = path.read_text()
    assert len(text.splitlines()) <= FILE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= FUNCTION_LINES, f"{path}:{node.lineno} {node.name}: {length} lines"


def test_kernels_hold_no_python_and_baselines_no_kernel():
    assert not list((TOP / "kernels").rglob("*.py"))
    assert not list((TOP / "baselines").rglob("*.cu"))


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("spmvbench", set()),
        ("spmvbench.cli", set()),
        ("spmvbench.formats", {"numpy"}),
        ("spmvbench.runner", {"numpy"}),
        ("spmvbench.experiment", {"numpy", "pydantic", "yaml"}),
    ],
)
def test_what_starts_every_command_imports_nothing_heavy(name, allowed):
    code = f"import sys, {name}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY & set(done.stdout.split()) <= allowed
