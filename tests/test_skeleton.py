"""`spmvbench new-format`: its file is a format that is right before anything is changed in it."""

from __future__ import annotations

import pytest
from gpu_stand_in import Gpu
from nvrtc import compile_for, missing
from typer.testing import CliRunner

from spmvbench.cli import app
from spmvbench.conformance import cells, conform
from spmvbench.devices.cpu import CpuDevice
from spmvbench.errors import UserError
from spmvbench.formats import resolve
from spmvbench.skeleton import write
from spmvbench.skeleton.my_format import CODE
from spmvbench.watch import Watch


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_the_file_is_right_on_the_whole_battery(tmp_path, fake_cupy, kind):
    write("two-words", tmp_path)
    name = f"{tmp_path}/two_words.py:TwoWords"
    device = CpuDevice() if kind == "cpu" else Gpu(fake_cupy)
    verdicts = list(conform(name, device, Watch(tmp_path / "watch"), cells(kind)))
    assert not [v for v in verdicts if v.status != "ok"]


@pytest.mark.skipif(bool(missing()), reason=missing())
@pytest.mark.parametrize("kind", ["__half", "__nv_bfloat16", "float"])
def test_its_kernel_compiles_for_a_gpu(tmp_path, kind):
    path = tmp_path / "my_format.cu"
    path.write_text(CODE)
    usages = compile_for(path, "sm_90a", [f"my_format<{kind}, 1>", f"my_format<{kind}, 4>"]).usages
    assert {usage.spilled for usage in usages.values()} == {0}


def test_the_names_in_it_are_the_one_asked_for(tmp_path):
    path = write("csr4", tmp_path)
    assert resolve(f"{path}:Csr4").name == "csr4"
    text = path.read_text()
    assert "csr4<" in text
    assert not {word for word in ("my-format", "my_format", "MyFormat") if word in text}


def test_nothing_is_overwritten(tmp_path):
    path = write("mine", tmp_path)
    path.write_text("precious")
    with pytest.raises(UserError, match=r"mine\.py is there already"):
        write("mine", tmp_path)
    assert path.read_text() == "precious"


@pytest.mark.parametrize("name", ["Mine", "my_format", "1st", "-x", "a--b", "", "a.b", "../x", "é"])
def test_a_name_that_cannot_be_a_key_a_file_and_a_class_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="expected lower-case letters and digits"):
        write(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["macko", "csr-scipy"])
def test_the_name_of_a_format_that_is_there_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="expected another name"):
        write(name, tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="cannot be written: No such file"):
        write("mine", tmp_path / "absent")


def test_the_command_says_how_to_judge_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["new-format", "my-csr"])
    assert "spmvbench check my_csr.py:MyCsr" in done.stdout
    assert (tmp_path / "my_csr.py").is_file()


@pytest.mark.parametrize(("words", "name"), [((), "csr_plain.c"), (("cuda",), "csr_plain.cu")])
def test_an_example_of_a_plugin_is_written_once(tmp_path, monkeypatch, words, name):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["new-plugin", *words])
    assert f"wrote {name}" in done.stdout
    assert "SPMVBENCH_PLUGIN(self)" in (tmp_path / name).read_text()
    again = CliRunner().invoke(app, ["new-plugin", *words])
    assert isinstance(again.exception, UserError)
    assert f"{name} is there already" in str(again.exception)
