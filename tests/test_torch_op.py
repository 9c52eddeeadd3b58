"""Operators of PyTorch as formats: what they are given, how they are named, what may go wrong."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from operators.built import MINE, library, missing
from small_run import measured

from spmvbench.battery import BATTERY
from spmvbench.case import Case
from spmvbench.conformance import cells, conform
from spmvbench.curves import tail
from spmvbench.devices.cpu import CpuDevice
from spmvbench.environment import environment, same_source
from spmvbench.errors import ExperimentError, UnknownFormat
from spmvbench.experiment import load
from spmvbench.formats import check_name, outside_file, outside_module, resolve
from spmvbench.judging import judge_all
from spmvbench.predict import packed_bytes
from spmvbench.problems import Problem
from spmvbench.torch_op import LAYOUTS, parse
from spmvbench.watch import Watch

DOCS = Path(__file__).parent.parent / "docs"
BASELINES = (DOCS / "baselines.md").read_text()
HAVE_TORCH = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(not HAVE_TORCH, reason="torch is not installed: spmvbench[torch]")

FLOAT32 = Problem(13, 200, 0.5, dtype="float32")


def mine(layout, operator):
    return f"torch-op:{layout}:{MINE}:mine::{operator}"


def judged(name, watch, batch=1):
    todo = [cell for cell in cells() if cell[2] == batch]
    return list(conform(name, CpuDevice(), watch, todo))


@pytest.fixture
def watch(tmp_path):
    return Watch(tmp_path / "watch")


# Right

RIGHT = [
    ("dense", "dense"),
    ("dense", "dense_into"),
    ("csr", "csr"),
    ("csr", "csr_out"),
    ("csr", "csr_first"),
    ("macko", "macko"),
    ("macko-padded", "padded"),
    ("bitmap", "bitmap"),
]


@needs_torch
@pytest.mark.parametrize(("layout", "operator"), RIGHT)
def test_an_operator_is_given_what_its_layout_says(watch, layout, operator):
    assert not [v for v in judged(mine(layout, operator), watch) if v.status != "ok"]


@needs_torch
def test_the_example_of_the_docs_is_right(tmp_path, monkeypatch, capsys):
    page = (DOCS / "adding-a-format.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.S)
    (command,) = re.findall(r"`spmvbench check (torch-op:.*?)`", page)
    (tmp_path / outside_file(command)).write_text(example)
    monkeypatch.chdir(tmp_path)
    assert judge_all([command], "cpu") == 0
    said = f"{command}: right in all {3 * len(BATTERY)} cells; not judged: 3 columns of x ("
    assert said in capsys.readouterr().out


def test_the_page_of_baselines_has_every_layout():
    table = BASELINES.partition("| LAYOUT |")[2].partition("\n\n")[0]
    assert tuple(re.findall(r"(?m)^\| `([\w-]+)` \|", table)) == LAYOUTS


def test_the_original_macko_is_the_operator_that_the_page_says():
    (name,) = re.findall(r"`(torch-op:\S*multiply)`", BASELINES)
    original = resolve("macko-original")
    assert parse(name) == replace(original.operator, dtypes=original.dtypes)


@needs_torch
@pytest.mark.parametrize("overload", ["", ".out"])
def test_pytorchs_own_operators_need_no_place(watch, overload):
    verdicts = judged(f"torch-op:dense:aten::mv{overload}", watch)
    assert {v.status for v in verdicts} == {"ok"}


@needs_torch
@pytest.mark.skipif(HAVE_TORCH and bool(missing()), reason="needs a compiler and headers")
def test_an_operator_of_a_shared_library_is_right_in_the_types_it_takes(capsys):
    assert judge_all([f"torch-op:csr/float32:{library()}:in_cpp::spmv"], "cpu") == 0
    said = f"spmv: right in all {len(BATTERY)} cells; not judged: "
    assert said in capsys.readouterr().out


@needs_torch
def test_an_operator_is_measured_beside_our_formats(tmp_path):
    name = mine("csr", "csr")
    rows = measured(tmp_path, name, "csr16", "dense-torch")
    assert {row.status for row in rows.values()} == {"ok"}
    row = rows[name]
    assert row.speedup > 0
    assert row.packed_bytes == row.nnz * (2 + 4) + 49 * 4
    assert (row.value_dtype, row.x_dtype, row.y_dtype) == ("float16",) * 3
    assert not row.dense


@needs_torch
def test_an_operator_on_dense_weights_is_a_baseline(tmp_path):
    name = mine("dense", "dense")
    rows = measured(tmp_path, name, "csr16")
    assert rows["csr16"].baseline == name


@needs_torch
def test_a_dry_run_knows_the_bytes(tmp_path):
    case = Case("t", Problem(48, 600, 0.5), (mine("dense", "dense"),), "hot", 1)
    assert packed_bytes(case, CpuDevice()) == {mine("dense", "dense"): 48 * 600 * 2}


@needs_torch
@pytest.mark.parametrize("layout", LAYOUTS)
def test_unpack_gives_the_matrix_back(layout):
    fmt = resolve(f"torch-op:{layout}:a::b")
    dense = np.eye(33, 70, dtype=np.float16)
    np.testing.assert_array_equal(fmt.unpack(fmt.pack(dense)), dense)


@needs_torch
def test_an_operator_takes_one_vector(watch):
    (verdict,) = judged(mine("dense", "dense"), watch, batch=3)[:1]
    assert verdict.status == "unavailable"
    assert verdict.reason.endswith("takes one vector, not 3")


def test_the_types_in_the_name_are_those_it_takes():
    fmt = resolve("torch-op:csr/float16/bfloat16:a:b::c")
    assert fmt.dtypes == ("float16", "bfloat16")
    assert "takes float16, bfloat16, not float32" in fmt.unavailable("cpu", FLOAT32)


# What does not fit


@needs_torch
@pytest.mark.parametrize(
    "operator",
    ["one_tensor", "a_list", "two_results", "no_result", "two_written", "a_factor"]
    + ["three_numbers"],
)
def test_a_schema_that_does_not_fit_is_shown_beside_what_was_expected(operator):
    with pytest.raises(UnknownFormat) as refused:
        resolve(mine("dense", operator)).unavailable("cpu", FLOAT32)
    assert str(refused.value).startswith(f"mine::{operator}: its schema is mine::{operator}(Tensor")
    assert "; expected (Tensor values, Tensor x) -> Tensor, or Tensor(a!) y" in str(refused.value)


@needs_torch
def test_a_layout_of_more_arrays_than_the_operator_takes_is_refused():
    with pytest.raises(UnknownFormat, match="expected .Tensor row_pointers, Tensor columns, Tens"):
        resolve("torch-op:csr:aten::mv").unavailable("cpu", FLOAT32)


@needs_torch
def test_an_operator_without_a_kernel_for_the_device_is_unavailable():
    reason = resolve(mine("dense", "only_cuda")).unavailable("cpu", FLOAT32)
    assert reason.endswith(": mine::only_cuda has no kernel for cpu")


@needs_torch
@pytest.mark.parametrize(
    ("operator", "words"),
    [
        (
            "mine::nowhere",
            r"mine::nowhere: .*mine.py registers no such operator; expected torch-op",
        ),
        ("mine::csr.fast", r"mine::csr.fast: there is no overload 'fast'; .* mine::csr.default$"),
    ],
)
def test_an_operator_that_is_not_registered_is_one_line(operator, words):
    with pytest.raises(UnknownFormat, match=words):
        resolve(f"torch-op:csr:{MINE}:{operator}").unavailable("cpu", FLOAT32)


@needs_torch
def test_what_pytorch_does_not_bring_is_asked_for_with_its_place():
    with pytest.raises(UnknownFormat, match=r"PyTorch 2\S* registers no .*PLACE a module, file.py"):
        resolve("torch-op:csr:elsewhere::spmv").unavailable("cpu", FLOAT32)


@needs_torch
def test_a_module_that_is_not_there_is_one_line():
    with pytest.raises(UnknownFormat, match="^a::b: no_such.thing cannot be imported: No module n"):
        resolve("torch-op:csr:no_such.thing:a::b").unavailable("cpu", FLOAT32)


@needs_torch
@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\0\xff\xfe" + bytes(60), "cannot be loaded"),
        (b"#include <torch/library.h>\n" * 9, "invalid ELF header"),
    ],
    ids=["of another machine", "text"],
)
def test_a_library_that_cannot_be_loaded_says_what_was_expected(tmp_path, raw, words):
    path = tmp_path / "other.so"
    path.write_bytes(raw)
    with pytest.raises(UnknownFormat) as refused:
        resolve(f"torch-op:csr:{path}:a::b").unavailable("cpu", FLOAT32)
    assert words in str(refused.value)
    assert "; expected a shared library for" in str(refused.value)


@needs_torch
def test_a_file_that_is_gone_since_is_one_line(tmp_path):
    with pytest.raises(UnknownFormat, match="^a::b: there is no file .*/gone.so; exp"):
        resolve(f"torch-op:csr:{tmp_path}/gone.so:a::b").unavailable("cpu", FLOAT32)


@needs_torch
def test_a_process_holds_one_operator_of_a_name(tmp_path):
    resolve(mine("csr", "csr")).unavailable("cpu", FLOAT32)
    with pytest.raises(UnknownFormat, match=r"in this process it is that of \S*mine.py already; "):
        resolve("torch-op:csr:elsewhere:mine::csr").unavailable("cpu", FLOAT32)


STRANGE = {
    "returns_column": ("error", "returns torch.float32 (48, 1) on cpu, expected torch.float32 (48"),
    "returns_wide": ("error", "returns torch.float64 (48,) on cpu, expected torch.float32 (48,)"),
    "returns_elsewhere": ("error", "(48,) on meta, expected torch.float32 (48,) on cpu"),
    "raises": ("error", "RuntimeError: columns must be a multiple of 7"),
    "is_wrong": ("wrong", "saw 1, expected 0"),
    "leaves_y": ("wrong", "y was not written"),
    "one_tensor": ("error", "its schema is mine::one_tensor(Tensor matrix) -> Tensor; expected"),
    "only_cuda": ("unavailable", "has no kernel for cpu"),
}
CRASHING = {
    "aborts": ("crashed", "SIGABRT in the product"),
    "reads_null": ("crashed", "SIGSEGV in the product"),
}


@needs_torch
@pytest.mark.parametrize("expected", [STRANGE, CRASHING], ids=["strange", "crashing"])
def test_whatever_an_operator_does_costs_its_own_row(tmp_path, expected):
    names = {mine("dense", operator): operator for operator in expected}
    rows = measured(tmp_path, *names, "dense-f16", dtype="float32")
    assert rows.pop("dense-f16").status == "ok"
    assert {names[name]: row.status for name, row in rows.items()} == {
        operator: status for operator, (status, _) in expected.items()
    }
    for name, operator in names.items():
        assert expected[operator][1] in rows[name].reason
        assert rows[name].median_us is None


def test_without_pytorch_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    reason = resolve("torch-op:csr:a:b::c").unavailable("cpu", FLOAT32)
    assert reason.endswith("torch is not installed; pip install 'spmvbench[torch]'")


def test_more_entries_than_32_bits_count_are_refused(monkeypatch):
    from importlib import import_module

    csr = import_module("spmvbench.baselines._csr")
    monkeypatch.setattr(csr, "INT32_MAX", 2)
    with pytest.raises(ValueError, match="more entries than 32-bit row pointers can count"):
        resolve("torch-op:csr:a:b::c").pack(np.ones((2, 2), np.float16))


# By name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("torch-op:mylib::spmv", "expected torch-op:LAYOUT:PLACE:NAMESPACE::NAME"),
        ("torch-op:csr:mylib:spmv", "expected torch-op:LAYOUT:PLACE:NAMESPACE::NAME"),
        ("torch-op:cs:mylib:mylib::spmv", "unknown layout 'cs'; did you mean 'csr'? Expected one"),
        ("torch-op:csr/half:a:b::c", "unknown type 'half'; expected one of float16, bfloat16, fl"),
        ("torch-op:csr:none.so:b::c", "there is no file none.so"),
        ("torch-op:csr:none.py:b::c", "there is no file none.py"),
    ],
)
def test_a_name_that_cannot_be_is_refused_with_its_line(tmp_path, name, words):
    path = tmp_path / "e.yaml"
    path.write_text(f"shapes: [[4, 4]]\ndensities: 0.5\nformats: [macko, {name}]\n")
    with pytest.raises(ExperimentError) as refused:
        load(str(path))
    assert str(refused.value).startswith(f"{path}:3: format '{name}': ")
    assert words in str(refused.value)
    with pytest.raises(UnknownFormat):
        check_name(name)


@pytest.mark.parametrize(
    ("name", "file", "module"),
    [
        ("torch-op:csr:mylib:mylib::spmv", None, "mylib"),
        ("torch-op:csr:my.lib:mylib::spmv.out", None, "my.lib"),
        ("torch-op:csr/float16:a/b.py:mylib::spmv", "a/b.py", ""),
        ("torch-op:csr:b.so:mylib::spmv", "b.so", ""),
        ("torch-op:csr:libs/b.so.1:mylib::spmv", "libs/b.so.1", ""),
        ("torch-op:dense:aten::mv", None, ""),
    ],
)
def test_a_place_is_a_file_a_module_or_pytorch(name, file, module):
    assert (file, module) == (
        str(outside_file(name)) if outside_file(name) else None,
        outside_module(name),
    )


@pytest.mark.parametrize("file", ["mine.so", "mine.py"])
def test_a_file_is_looked_for_beside_the_experiment(tmp_path, file):
    (tmp_path / file).write_bytes(b"")
    path = tmp_path / "e.yaml"
    path.write_text(
        f"formats: [torch-op:csr/float16/float32:{file}:a::b.out]\nshapes: [[4, 4]]\ndensities: 0.5"
    )
    expected = f"torch-op:csr/float16/float32:{tmp_path}/{file}:a::b.out"
    assert load(str(path)).formats == (expected,)
    assert parse(expected).overload == "out"


def test_figures_name_an_operator_without_its_place():
    assert tail("torch-op:csr/float16:/some/where/mine.so:mine::csr.out") == "mine::csr.out"
    assert tail("torch-op:dense:aten::mv") == "aten::mv"


# What counts as another source


def outside(name):
    return environment({}, outside=[name])["outside"][name]


@pytest.mark.parametrize("file", ["mine.so", "mine.py"])
def test_a_file_that_has_changed_is_measured_again(tmp_path, file):
    path = tmp_path / file
    path.write_bytes(b"one")
    name = f"torch-op:csr:{path}:a::b"
    before = environment({}, outside=[name])
    path.write_bytes(b"two")
    assert not same_source(before, environment({}, outside=[name]), name)


@pytest.mark.parametrize("file", ["_C.so", "ops.py", "kernels/spmv.cu"])
@pytest.mark.parametrize("module", ["mylib", "mylib.ops"])
def test_all_code_of_a_package_is_that_of_its_operators(tmp_path, monkeypatch, file, module):
    package = tmp_path / "mylib"
    (package / "kernels").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = outside(f"torch-op:csr:{module}:a::b")
    (package / file).write_text("1")
    (package / "notes.txt").write_text("1")
    after = outside(f"torch-op:csr:{module}:a::b")
    assert before != after
    (package / "notes.txt").write_text("2")
    assert outside(f"torch-op:csr:{module}:a::b") == after


def test_a_package_that_is_installed_editably_is_found(tmp_path, monkeypatch):
    file = tmp_path / "editable_mylib.py"
    file.write_text("1")

    def find_spec(name, path=None, target=None):
        if name == "editable_mylib":
            return importlib.machinery.ModuleSpec(name, None, origin=str(file))
        return None

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, SimpleNamespace(find_spec=find_spec)])
    before = outside("torch-op:csr:editable_mylib:a::b")
    file.write_text("2")
    assert "missing" != before != outside("torch-op:csr:editable_mylib:a::b")


@needs_torch
def test_an_operator_of_pytorch_changes_with_its_version():
    import torch

    assert outside("torch-op:dense:aten::mv") == torch.__version__
